#include "apiserver/refusals.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
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

std::optional<Error> no_representation(std::string_view accept, PathForm form) {
  // Of a document the first three.
  constexpr std::array<std::string_view, 5> kKnown = {
      "*/*", "application/*", "application/json", "application/yaml", api::kProtobufContentType};
  const auto known = std::span(kKnown).first(form == PathForm::kDocument ? 3 : kKnown.size());
  if (accept.find_first_not_of(' ') == std::string_view::npos) return std::nullopt;
  while (!accept.empty()) {
    std::string_view type = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), type.size() + 1));
    type = type.substr(0, type.find(';'));
    type.remove_prefix(std::min(type.size(), type.find_first_not_of(' ')));
    type = type.substr(0, type.find(' '));
    if (std::ranges::find(known, type) != known.end()) return std::nullopt;
  }
  std::string types = "application/json";
  if (form != PathForm::kDocument)
    types += ", application/yaml, application/vnd.kubernetes.protobuf";
  if (form == PathForm::kCollection)
    types += ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
  return Error(ErrorCode::kNotAcceptable,
               fmt::format("406: Not Acceptable\n\nAvailable representations: {}", types));
}

std::unexpected<Error> about_nothing(Error error) {
  return std::unexpected(std::move(error).about({}));
}

std::unexpected<Error> wrong_namespace() {
  return fail(
      ErrorCode::kBadRequest,
      "the namespace of the provided object does not match the namespace sent on the request");
}

std::unexpected<Error> no_node() {
  return fail(ErrorCode::kUnavailable, "no node agent is attached to this server");
}

}  // namespace insula::apiserver
