#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/ephemeral_containers.h"
#include "node/pod_worker.h"

// Containers that a pod gets while it runs, to look at it from inside.
namespace insula::node {

void PodWorker::add_slot(const api::Container& container,
                         ContainerRecord& record,
                         ContainerSort sort) {
  const RestartBackoff backoff(services_.options.restart_backoff_initial,
                               services_.options.restart_backoff_max);
  slots_.push_back(std::make_unique<Slot>(container, record, sort, backoff));
  slots_.back()->exited.set();
}

// Those of the specification that have no slot yet.
void PodWorker::add_ephemeral_containers() {
  for (const api::EphemeralContainer& ephemeral : pod_.spec.ephemeral_containers) {
    const api::Container container = api::as_container(ephemeral);
    if (find(container.name) != nullptr) continue;
    auto& records = record_.ephemeral_containers;
    auto record = std::ranges::find(records, container.name, &ContainerRecord::name);
    if (record == records.end()) {
      records.emplace_back();
      record = std::prev(records.end());
      record->name = container.name;
      record->image = container.image;
      record->waiting_reason = "ContainerCreating";
    }
    add_slot(container, *record, ContainerSort::kEphemeral);
    slots_.back()->target = ephemeral.target_container_name;
  }
  if (stage_ == PodStage::kInitializing || stage_ == PodStage::kRunning)
    start_ephemeral_containers();
}

void PodWorker::start_ephemeral_containers() {
  for (const auto& slot : slots_) {
    if (slot->sort == ContainerSort::kEphemeral && !slot->kept) keep(*slot);
  }
}

// The first process of a container that another one is to look at; nothing for no name. The target
// may be between two runs, so the start is tried again.
Result<std::optional<ProcessIdentity>> PodWorker::process_of(const std::string& name) const {
  if (name.empty()) return std::nullopt;
  const Slot* slot = find(name);
  if (slot == nullptr || !slot->running) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("target container \"{}\" is not running", name));
  }
  return slot->running->identity.container;
}

}  // namespace insula::node
