#include "api/reference_grants.h"

#include <algorithm>

namespace insula::api {

bool may_refer(const ReferringObject& from,
               const ReferredObject& to,
               const std::vector<std::shared_ptr<const ReferenceGrant>>& grants) {
  if (from.name_space == to.name_space) return true;
  const auto is_from = [&](const ReferenceGrantFrom& one) {
    return one.group == kGatewayGroup && one.kind == from.kind && one.namespace_ == from.name_space;
  };
  const auto is_to = [&](const ReferenceGrantTo& one) {
    const std::string_view name = one.name ? std::string_view(*one.name) : std::string_view();
    return one.group.empty() && one.kind == to.kind && (name.empty() || name == to.name);
  };
  return std::ranges::any_of(grants, [&](const auto& grant) {
    return grant->metadata.namespace_ == to.name_space && !grant->metadata.deletion_timestamp &&
           std::ranges::any_of(grant->spec.from, is_from) &&
           std::ranges::any_of(grant->spec.to, is_to);
  });
}

}  // namespace insula::api
