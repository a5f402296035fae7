#include "apiserver/ownership.h"

namespace insula::apiserver {

std::string_view tenant_of(const api::Namespace& name_space) {
  for (const api::OwnerReference& owner : name_space.metadata.owner_references) {
    if (owner.controller.value_or(false) && owner.kind == "Tenant" &&
        owner.api_version.starts_with("insula.dev/"))
      return owner.name;
  }
  return {};
}

}  // namespace insula::apiserver
