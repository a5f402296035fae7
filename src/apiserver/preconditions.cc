#include "apiserver/preconditions.h"

#include <utility>

#include <fmt/format.h>

#include "api/any_kind.h"
#include "api/gen/core_v1.h"
#include "api/invalid.h"
#include "apiserver/refusals.h"

namespace insula::apiserver {

namespace {

/// For a change of a kind whose writers must say which version they have seen.
std::unexpected<Error> unversioned(const Target& target) {
  FieldCause cause{.field = "metadata.resourceVersion",
                   .reason = "FieldValueInvalid",
                   .message = "Invalid value: 0: must be specified for an update"};
  return std::unexpected(
      api::invalid(target.kind->plural, target.kind->group, target.name, {std::move(cause)}));
}

}  // namespace

std::unexpected<Error> conflict(const Target& target, std::string_view why) {
  return fail(ErrorCode::kConflict, fmt::format("Operation cannot be fulfilled on {} \"{}\": {}",
                                                target.kind->group_resource(), target.name, why));
}

Result<> check_identity(const Target& target,
                        const api::ObjectMeta& next,
                        const api::ObjectMeta& present) {
  if (next.name != present.name) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("the name of the object ({}) does not match the name on the URL ({})",
                            next.name, present.name));
  }
  if (next.namespace_ != present.namespace_) {
    return fail(
        ErrorCode::kBadRequest,
        "the namespace of the provided object does not match the namespace sent on the request");
  }
  if (!next.uid.empty() && next.uid != present.uid) {
    return conflict(
        target, fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                            next.uid, present.uid));
  }
  if (next.resource_version.empty() || next.resource_version == "0") {
    return api::allows_unconditional_update(*target.kind) ? Result<>{} : unversioned(target);
  }
  if (next.resource_version != present.resource_version) {
    return conflict(target,
                    "the object has been modified; please apply your changes to the latest version "
                    "and try again");
  }
  return {};
}

Result<> check_preconditions(const Target& target,
                             const DeleteQuery& query,
                             const api::ObjectMeta& present) {
  // Namespaces are judged by rules of their own in Kubernetes, which say it otherwise.
  const bool says_kind = target.kind != &api::kind_of<api::Namespace>();
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kConflict,
                fmt::format("{} \"{}\": {}", failed_precondition(*target.kind), present.name, why));
  };
  if (query.uid && *query.uid != present.uid) {
    if (says_kind)
      return refuse(
          fmt::format("the UID in the precondition ({}) does not match the UID in record ({}). The "
                      "object might have been deleted and then recreated",
                      *query.uid, present.uid));
    return conflict(
        target, fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                            *query.uid, present.uid));
  }
  if (query.resource_version && *query.resource_version != present.resource_version) {
    if (says_kind)
      return refuse(
          fmt::format("the ResourceVersion in the precondition ({}) does not match the "
                      "ResourceVersion in record ({}). The object might have been modified",
                      *query.resource_version, present.resource_version));
    return conflict(
        target,
        fmt::format(
            "Precondition failed: ResourceVersion in precondition: {}, ResourceVersion in object "
            "meta: {}",
            *query.resource_version, present.resource_version));
  }
  return {};
}

}  // namespace insula::apiserver
