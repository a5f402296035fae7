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

std::string other_uid(std::string_view asked, std::string_view present) {
  return fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", asked,
                     present);
}

std::unexpected<Error> conflict(const Target& target,
                                std::string_view why,
                                std::string_view subresource) {
  const api::Kind& kind = *target.kind;
  std::string resource =
      fmt::format("{}{}{}", kind.plural, subresource.empty() ? "" : "/", subresource);
  Error error(ErrorCode::kConflict,
              fmt::format("Operation cannot be fulfilled on {}{}{} \"{}\": {}", resource,
                          kind.group.empty() ? "" : ".", kind.group, target.name, why));
  return std::unexpected(
      std::move(error).about({std::move(resource), std::string(kind.group), target.name}));
}

Result<> check_name(std::string_view sent, std::string_view name) {
  if (sent == name) return {};
  return fail(
      ErrorCode::kBadRequest,
      sent.empty()
          ? fmt::format("the name of the object ({} based on URL) was undeterminable: name must be "
                        "provided",
                        name)
          : fmt::format("the name of the object ({}) does not match the name on the URL ({})", sent,
                        name));
}

Result<> check_place(const api::ObjectMeta& next, const api::ObjectMeta& present) {
  INSULA_TRY_VOID(check_name(next.name, present.name));
  const bool same = next.namespace_.empty() || next.namespace_ == present.namespace_;
  // Who is in no namespace is in none whatever is said.
  if (!same && !present.namespace_.empty()) return wrong_namespace();
  return {};
}

Result<> check_replaced(const Target& target,
                        const api::ObjectMeta& next,
                        const api::ObjectMeta& present) {
  INSULA_TRY_VOID(check_place(next, present));
  if (next.uid.empty() || next.uid == present.uid) return {};
  return conflict(target, other_uid(next.uid, present.uid));
}

Result<> check_version(const Target& target,
                       const api::ObjectMeta& next,
                       const api::ObjectMeta& present) {
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
    const api::Kind& kind = *target.kind;
    Error error(ErrorCode::kConflict,
                fmt::format("Operation cannot be fulfilled on {}{}{} \"{}\": {}", kind.kind,
                            kind.group.empty() ? "" : ".", kind.group, present.name, why));
    return std::unexpected(
        std::move(error).about({std::string(kind.kind), std::string(kind.group), present.name}));
  };
  if (query.uid && *query.uid != present.uid) {
    if (says_kind)
      return refuse(
          fmt::format("the UID in the precondition ({}) does not match the UID in record ({}). The "
                      "object might have been deleted and then recreated",
                      *query.uid, present.uid));
    return conflict(target, other_uid(*query.uid, present.uid));
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
