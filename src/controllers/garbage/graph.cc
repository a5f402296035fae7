#include "controllers/garbage/graph.h"

#include <algorithm>
#include <utility>

namespace insula::controllers {

bool OwnedObject::has_finalizer(std::string_view name) const {
  return std::ranges::find(metadata.finalizers, name) != metadata.finalizers.end();
}

bool OwnedObject::waits_for_dependents() const {
  return metadata.deletion_timestamp.has_value() && has_finalizer(kForegroundFinalizer);
}

namespace {

/// `apps` of `apps/v1`; nothing of `v1`.
std::string_view group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

}  // namespace

bool OwnedObject::is_named_by(const api::OwnerReference& reference,
                              std::string_view name_space) const {
  return metadata.uid == reference.uid && metadata.name == reference.name && kind != nullptr &&
         kind->kind == reference.kind && kind->group == group_of(reference.api_version) &&
         (metadata.namespace_.empty() || metadata.namespace_ == name_space);
}

void OwnerGraph::link(const OwnedObject& object) {
  for (const api::OwnerReference& owner : object.metadata.owner_references)
    dependents_[owner.uid].insert(object.metadata.uid);
}

void OwnerGraph::unlink(const OwnedObject& object) {
  for (const api::OwnerReference& owner : object.metadata.owner_references) {
    const auto of_owner = dependents_.find(owner.uid);
    if (of_owner == dependents_.end()) continue;
    of_owner->second.erase(object.metadata.uid);
    if (of_owner->second.empty()) dependents_.erase(of_owner);
  }
}

std::optional<OwnedObject> OwnerGraph::put(OwnedObject object) {
  const auto [it, is_new] = objects_.try_emplace(object.metadata.uid);
  std::optional<OwnedObject> before;
  if (!is_new) {
    before = std::move(it->second);
    unlink(*before);
  }
  link(object);
  it->second = std::move(object);
  return before;
}

std::optional<OwnedObject> OwnerGraph::erase(const std::string& uid) {
  const auto it = objects_.find(uid);
  if (it == objects_.end()) return std::nullopt;
  OwnedObject before = std::move(it->second);
  objects_.erase(it);
  unlink(before);
  return before;
}

const OwnedObject* OwnerGraph::find(const std::string& uid) const {
  const auto it = objects_.find(uid);
  return it == objects_.end() ? nullptr : &it->second;
}

std::vector<std::string> OwnerGraph::dependents(const std::string& uid) const {
  const auto it = dependents_.find(uid);
  if (it == dependents_.end()) return {};
  std::vector<std::string> out(it->second.begin(), it->second.end());
  const OwnedObject* owner = find(uid);
  if (owner == nullptr || owner->metadata.namespace_.empty()) return out;
  std::erase_if(out, [this, owner](const std::string& dependent) {
    return objects_.at(dependent).metadata.namespace_ != owner->metadata.namespace_;
  });
  return out;
}

std::vector<std::string> OwnerGraph::blocking_dependents(const std::string& uid) const {
  std::vector<std::string> blocking = dependents(uid);
  std::erase_if(blocking, [this, &uid](const std::string& dependent) {
    const auto& owners = objects_.at(dependent).metadata.owner_references;
    const auto reference = std::ranges::find(owners, uid, &api::OwnerReference::uid);
    return reference == owners.end() || !reference->block_owner_deletion.value_or(false);
  });
  return blocking;
}

GarbageAction plan_garbage(const OwnedObject& object,
                           const std::vector<OwnerView>& owners,
                           bool has_dependents,
                           bool has_blocking_dependents) {
  if (object.waits_for_dependents()) {
    return has_blocking_dependents ? GarbageAction::kDeleteDependents
                                   : GarbageAction::kRemoveFinalizer;
  }
  if (object.metadata.deletion_timestamp) {
    return object.has_finalizer(kOrphanFinalizer) ? GarbageAction::kOrphanDependents
                                                  : GarbageAction::kNone;
  }
  if (owners.empty()) return GarbageAction::kNone;
  const auto count = [&owners](OwnerState state) {
    return std::ranges::count(owners, state, &OwnerView::state);
  };
  if (count(OwnerState::kInvalid) > 0) return GarbageAction::kNone;
  if (count(OwnerState::kUnknown) > 0) return GarbageAction::kAsk;
  const auto gone = count(OwnerState::kAbsent);
  const auto waiting = count(OwnerState::kWaiting);
  if (count(OwnerState::kPresent) > 0) {
    return gone + waiting > 0 ? GarbageAction::kDropReferences : GarbageAction::kNone;
  }
  return waiting > 0 && has_dependents ? GarbageAction::kDeleteForeground : GarbageAction::kDelete;
}

}  // namespace insula::controllers
