#include "apiserver/refusals.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/protobuf.h"

namespace insula::apiserver {

std::unexpected<Error> no_resource() {
  return fail(ErrorCode::kNotFound, "the server could not find the requested resource");
}

std::unexpected<Error> method_not_allowed() {
  return fail(ErrorCode::kMethodNotAllowed,
              "the server does not allow this method on the requested resource");
}

std::optional<Error> no_representation(std::string_view accept, bool collection) {
  constexpr std::string_view kKnown[] = {"*/*", "application/*", "application/json",
                                         "application/yaml", api::kProtobufContentType};
  while (!accept.empty()) {
    std::string_view type = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), type.size() + 1));
    type = type.substr(0, type.find(';'));
    type.remove_prefix(std::min(type.size(), type.find_first_not_of(' ')));
    type = type.substr(0, type.find(' '));
    if (std::ranges::find(kKnown, type) != std::end(kKnown)) return std::nullopt;
  }
  return Error(ErrorCode::kNotAcceptable,
               fmt::format("406: Not Acceptable\n\nAvailable representations: application/json, "
                           "application/yaml, application/vnd.kubernetes.protobuf{}",
                           collection ? ", application/json;stream=watch, "
                                        "application/vnd.kubernetes.protobuf;stream=watch"
                                      : ""));
}

std::unexpected<Error> about_nothing(Error error) {
  return std::unexpected(std::move(error).about({}));
}

std::unexpected<Error> no_node() {
  return fail(ErrorCode::kUnavailable, "no node agent is attached to this server");
}

}  // namespace insula::apiserver
