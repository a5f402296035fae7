#include "apiserver/flowcontrol/work_estimate.h"

#include <string_view>

#include "apiserver/authorizer.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kObjectsPerSeat = 100;
constexpr std::size_t kWatchesPerSeat = 10;
constexpr std::size_t kSeatsMax = 10;
constexpr std::chrono::milliseconds kEventLatency{5};

std::size_t seats_for(std::size_t amount, std::size_t per_seat) {
  return (amount + per_seat - 1) / per_seat;
}

/// Objects below a prefix, counted no further than `most`.
std::size_t count_objects(const store::Store& store, const std::string& prefix, std::size_t most) {
  std::size_t count = 0;
  const auto scanned =
      store.scan(prefix, "", 0, [&](const store::EntryPtr&) { return ++count < most; });
  return scanned ? count : most;
}

WorkEstimate estimate_list(const EstimatedRequest& request,
                           std::size_t seats_max,
                           const store::Store& store) {
  if (request.kind == nullptr || !request.kind->is_stored()) return {};
  if (!authorized_name(request.info).empty()) return {};
  const std::string& name_space = request.kind->namespaced ? request.info.name_space : "";
  const std::size_t most = seats_max * kObjectsPerSeat;
  std::size_t objects =
      count_objects(store, store_key(request.kind->storage(), name_space, ""), most);
  if (request.limit > 0 && !request.has_selectors) objects = std::min(objects, request.limit);
  return {.seats = std::clamp(seats_for(objects, kObjectsPerSeat), std::size_t{1}, seats_max)};
}

WorkEstimate estimate_write(const EstimatedRequest& request,
                            std::size_t seats_max,
                            const WatchCounts& watches) {
  if (request.kind == nullptr || !request.kind->is_stored() || request.info.subresource == "token")
    return {};
  const std::size_t seeing = watches.seeing(request.kind->storage(), request.info.name_space);
  if (seeing < kWatchesPerSeat) return {};
  // The same work in fewer seats takes longer.
  const std::size_t seats = seats_for(seeing, kWatchesPerSeat);
  const std::size_t taken = std::min(seats, seats_max);
  return {.seats = 1,
          .final_seats = taken,
          .additional_latency = kEventLatency * static_cast<int>(seats) / static_cast<int>(taken)};
}

}  // namespace

WatchCounts::Entry::Entry(WatchCounts& counts, const api::Kind& kind, std::string name_space)
    : counts_(counts), key_(&kind.storage(), std::move(name_space)) {
  ++counts_.counts_[key_];
}

WatchCounts::Entry::~Entry() {
  const auto it = counts_.counts_.find(key_);
  if (--it->second == 0) counts_.counts_.erase(it);
}

std::size_t WatchCounts::seeing(const api::Kind& kind, const std::string& name_space) const {
  const auto count = [&](const std::string& in) -> std::size_t {
    const auto it = counts_.find({&kind, in});
    return it == counts_.end() ? 0 : it->second;
  };
  return count("") + (name_space.empty() ? 0 : count(name_space));
}

WorkEstimate estimate_work(const EstimatedRequest& request,
                           std::size_t seats_max,
                           const store::Store& store,
                           const WatchCounts& watches) {
  const std::size_t most = std::clamp(seats_max, std::size_t{1}, kSeatsMax);
  const std::string_view verb = request.info.verb;
  if (verb == "list" || verb == "deletecollection" ||
      (verb == "watch" && request.sends_initial_events))
    return estimate_list(request, most, store);
  if (verb == "create" || verb == "update" || verb == "patch" || verb == "delete")
    return estimate_write(request, most, watches);
  return {};
}

}  // namespace insula::apiserver
