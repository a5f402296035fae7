#include "api/tenant.h"

#include <algorithm>

namespace insula::api {

std::string_view owning_tenant(const ObjectMeta& name_space) {
  for (const OwnerReference& owner : name_space.owner_references) {
    if (owner.controller.value_or(false) && owner.kind == "Tenant" &&
        owner.api_version.starts_with("insula.dev/"))
      return owner.name;
  }
  return {};
}

std::vector<std::string> namespaces_of(const Tenant& tenant) {
  if (tenant.spec.namespaces.empty()) return {tenant.metadata.name};
  return tenant.spec.namespaces;
}

std::optional<std::string> namespace_in(const Tenant& tenant, const std::string& asked) {
  const std::vector<std::string> own = namespaces_of(tenant);
  if (asked.empty()) return own.front();
  if (std::ranges::find(own, asked) == own.end()) return std::nullopt;
  return asked;
}

}  // namespace insula::api
