#include "node/node_room.h"

#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "api/pod_resources.h"

namespace insula::node {
namespace {

Rejection out_of(std::string_view resource,
                 std::int64_t requested,
                 std::int64_t used,
                 std::int64_t capacity) {
  std::string why =
      fmt::format("Node didn't have enough resource: {}, requested: {}, used: {}, capacity: {}",
                  resource, requested, used, capacity);
  return {fmt::format("OutOf{}", resource), "Pod was rejected: " + why, why};
}

api::Quantity amount(const std::map<std::string, api::Quantity>& amounts, const char* resource) {
  const auto it = amounts.find(resource);
  return it == amounts.end() ? api::Quantity{} : it->second;
}

}  // namespace

void RoomTaken::add(const api::PodSpec& pod) {
  for (const auto& [resource, requested] : api::pod_requests(pod))
    requests[resource] += requested;
  ++pods;
}

std::optional<Rejection> reject_for_room(const api::PodSpec& pod,
                                         const RoomTaken& taken,
                                         const NodeRoom& room) {
  if (taken.pods >= room.pods) return out_of("pods", 1, taken.pods, room.pods);
  const auto requests = api::pod_requests(pod);
  const api::Quantity cpu = amount(requests, "cpu");
  const api::Quantity cpu_used = amount(taken.requests, "cpu");
  if (!cpu.is_zero() && cpu + cpu_used > room.cpu) {
    return out_of("cpu", cpu.milli_value(), cpu_used.milli_value(), room.cpu.milli_value());
  }
  const api::Quantity memory = amount(requests, "memory");
  const api::Quantity memory_used = amount(taken.requests, "memory");
  if (!memory.is_zero() && memory + memory_used > room.memory)
    return out_of("memory", memory.value(), memory_used.value(), room.memory.value());
  return std::nullopt;
}

bool asks_for_more(const api::PodSpec& pod, const api::PodSpec& than) {
  const auto now = api::pod_requests(pod);
  const auto before = api::pod_requests(than);
  return amount(now, "cpu") > amount(before, "cpu") ||
         amount(now, "memory") > amount(before, "memory");
}

}  // namespace insula::node
