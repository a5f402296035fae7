#include "apiserver/refusals.h"

#include <fmt/format.h>

namespace insula::apiserver {

std::unexpected<Error> no_resource() {
  return fail(ErrorCode::kNotFound, "the server could not find the requested resource");
}

std::unexpected<Error> method_not_allowed() {
  return fail(ErrorCode::kMethodNotAllowed,
              "the server does not allow this method on the requested resource");
}

std::string failed_precondition(const api::Kind& kind) {
  return fmt::format("Operation cannot be fulfilled on {}{}{}", kind.kind,
                     kind.group.empty() ? "" : ".", kind.group);
}

std::unexpected<Error> no_node() {
  return fail(ErrorCode::kUnavailable, "no node agent is attached to this server");
}

}  // namespace insula::apiserver
