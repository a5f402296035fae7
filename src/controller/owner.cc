#include "controller/owner.h"

namespace insula::controller {

const api::OwnerReference* controller_of(const api::ObjectMeta& metadata) {
  for (const api::OwnerReference& owner : metadata.owner_references) {
    if (owner.controller.value_or(false)) return &owner;
  }
  return nullptr;
}

std::string controller_uid(const api::ObjectMeta& metadata) {
  const api::OwnerReference* owner = controller_of(metadata);
  return owner == nullptr ? std::string() : owner->uid;
}

api::OwnerReference owner_reference(const api::Kind& kind, const api::ObjectMeta& metadata) {
  api::OwnerReference reference;
  reference.api_version = kind.api_version();
  reference.kind = kind.kind;
  reference.name = metadata.name;
  reference.uid = metadata.uid;
  reference.controller = true;
  reference.block_owner_deletion = true;
  return reference;
}

}  // namespace insula::controller
