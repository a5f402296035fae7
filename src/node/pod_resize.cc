#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "node/container_plan.h"
#include "node/pod_worker.h"

// Other amounts of cpu and memory for containers that run. What is wanted is granted by the agent,
// which knows what the node has left, and then applied here.
// Spec: Kubernetes, "Resize CPU and Memory Resources assigned to Containers".
namespace insula::node {

using controller::EventType;

namespace {

constexpr auto kApplyAgainMin = std::chrono::milliseconds(500);
constexpr auto kApplyAgainMax = std::chrono::seconds(10);

Task<> wait_for(Event& event) {
  co_await event.wait();
}

}  // namespace

// The container as the API has it now; nullptr for ephemeral ones, which have no resources.
const api::Container* PodWorker::wanted(const Slot& slot) const {
  if (slot.sort == ContainerSort::kEphemeral) return nullptr;
  const auto& list = slot.is_init() ? pod_.spec.init_containers : pod_.spec.containers;
  const auto found = std::ranges::find(list, slot.spec.name, &api::Container::name);
  return found == list.end() ? nullptr : &*found;
}

bool PodWorker::wants_resize() const {
  return std::ranges::any_of(slots_, [&](const auto& slot) {
    const api::Container* container = wanted(*slot);
    return container != nullptr && !same_amounts(container->resources, slot->record.granted);
  });
}

api::PodSpec PodWorker::granted_spec() const {
  api::PodSpec out = pod_.spec;
  for (const auto& slot : slots_) {
    if (slot->sort == ContainerSort::kEphemeral) continue;
    auto& list = slot->is_init() ? out.init_containers : out.containers;
    const auto found = std::ranges::find(list, slot->spec.name, &api::Container::name);
    if (found != list.end()) take_amounts(found->resources, slot->record.granted);
  }
  return out;
}

void PodWorker::grant_resize() {
  for (const auto& slot : slots_) {
    const api::Container* container = wanted(*slot);
    if (container == nullptr) continue;
    take_amounts(slot->record.granted, container->resources);
    slot->spec.resources = slot->record.granted;
  }
  record_.resize = {.in_progress = true, .generation = pod_.metadata.generation};
  event(EventType::kNormal, "ResizeStarted",
        fmt::format("Pod resize started for generation {}", pod_.metadata.generation));
  resize_.set();
  released_.set();
  changed();
}

void PodWorker::hold_resize(std::string reason, std::string message) {
  ResizeRecord& resize = record_.resize;
  const bool news =
      resize.pending_reason != reason || resize.pending_generation != pod_.metadata.generation;
  if (news) {
    event(EventType::kWarning, "Resize" + reason,
          fmt::format("Pod resize {}: {}", reason, message));
  }
  if (!news && resize.pending_message == message) return;
  resize.pending_reason = std::move(reason);
  resize.pending_message = std::move(message);
  resize.pending_generation = pod_.metadata.generation;
  changed();
}

Task<> PodWorker::apply_resizes() {
  std::chrono::nanoseconds again = kApplyAgainMin;
  while (true) {
    co_await resize_.wait();
    resize_.reset();
    if (!record_.resize.in_progress || stopping()) continue;
    if (const Result<> done = co_await apply_resize(); !done) {
      resize_failed(done.error());
      // What is granted meanwhile is tried at once.
      co_await race(sleep_for(again), wait_for(resize_));
      again = std::min<std::chrono::nanoseconds>(2 * again, kApplyAgainMax);
      resize_.set();
      continue;
    }
    again = kApplyAgainMin;
    if (resize_.is_set() || !is_applied()) continue;
    event(EventType::kNormal, "ResizeCompleted",
          fmt::format("Pod resize completed for generation {}", record_.resize.generation));
    record_.resize.in_progress = false;
    record_.resize.error.clear();
    changed();
  }
}

void PodWorker::resize_failed(const Error& error) {
  if (record_.resize.error == error.message()) return;
  event(EventType::kWarning, "ResizeError", error.message());
  record_.resize.error = error.message();
  changed();
}

bool PodWorker::is_applied() const {
  return std::ranges::all_of(slots_, [](const auto& slot) {
    return !slot->running || same_amounts(slot->record.applied, slot->record.granted);
  });
}

// The first error, after all containers have been tried.
Task<Result<>> PodWorker::apply_resize() {
  Result<> out;
  for (const auto& slot : slots_) {
    if (!slot->running || same_amounts(slot->record.applied, slot->record.granted)) continue;
    if (resize_restarts(slot->spec, slot->record.applied, slot->record.granted)) {
      slot->restart_at_once = true;
      co_await kill(*slot, grace_left(),
                    fmt::format("Container {} is restarted with other resources", slot->spec.name));
      continue;
    }
    Result<> applied = co_await apply_resize(*slot);
    if (!applied && out) out = std::move(applied);
  }
  co_return out;
}

Task<Result<>> PodWorker::apply_resize(Slot& slot) {
  const Container container = *slot.running;
  const api::ResourceRequirements granted = slot.record.granted;
  const Limits limits = limits_of(granted);
  const std::int64_t before = limits_of(slot.record.applied).memory_bytes;
  if (limits.memory_bytes > 0 && (before == 0 || limits.memory_bytes < before)) {
    // The kernel would make room by killing.
    const std::optional<std::int64_t> usage = services_.runtime.memory_usage(container);
    if (usage && *usage >= limits.memory_bytes) {
      co_return fail(
          ErrorCode::kUnavailable,
          fmt::format("attempting to set container \"{}\" memory limit ({}) below current usage "
                      "({})",
                      slot.spec.name, limits.memory_bytes, *usage));
    }
  }
  const Result<> done = co_await services_.runtime.resize(container, limits);
  // It may have ended meanwhile, and what starts next has what was granted from the beginning.
  if (!slot.running || slot.running->id != container.id) co_return Result<>{};
  if (!done) co_return done;
  slot.record.applied = granted;
  changed();
  co_return Result<>{};
}

}  // namespace insula::node
