#include "gateway/durable_axis.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <fstream>

namespace insula::gateway {
namespace {

/// Below this the wall clock's drift is not worth a write to the disk.
constexpr std::int64_t kWallDriftNoted = 1'000'000'000;
/// How far the newest time may be ahead of the clock: admissions in one nanosecond are spread out.
constexpr std::int64_t kAheadMax = 1'000'000'000;

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a: stable over builds, unlike std::hash.
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

std::int64_t monotonic_ns(const Clock& clock) {
  return std::chrono::nanoseconds(clock.now().time_since_epoch()).count();
}

std::int64_t wall_ns(const Clock& clock) {
  return std::chrono::nanoseconds(clock.wall().time_since_epoch()).count();
}

}  // namespace

std::string current_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::uint64_t DurableAxis::expected_check() const {
  return (static_cast<std::uint64_t>(offset_) ^ std::rotl(boot_hash_, 17)) * 0x9e3779b97f4a7c15U +
         1;
}

std::int64_t DurableAxis::now(const Clock& clock) const {
  return monotonic_ns(clock) + offset_;
}

void DurableAxis::set(std::int64_t offset, std::uint64_t boot_hash) {
  // A kill between these leaves a check word that does not fit: the next start then takes the time
  // from the wall clock, as after a reboot.
  check_ = 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  offset_ = offset;
  boot_hash_ = boot_hash;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  check_ = expected_check();
}

void DurableAxis::resume(const Clock& clock, std::string_view boot, std::int64_t newest) {
  const std::uint64_t boot_hash = hash_of(boot);
  const bool same_boot = !boot.empty() && boot_hash_ == boot_hash && check_ == expected_check() &&
                         now(clock) + kAheadMax >= newest;
  if (same_boot) return;
  const std::int64_t resumed = std::max(wall_ns(clock) - wall_minus_axis_, newest);
  set(resumed - monotonic_ns(clock), boot_hash);
  wall_minus_axis_ = wall_ns(clock) - resumed;
}

void DurableAxis::copy(const DurableAxis& from) {
  set(from.offset_, from.boot_hash_);
  wall_minus_axis_ = from.wall_minus_axis_;
}

bool DurableAxis::note_wall(const Clock& clock) {
  const std::int64_t now_apart = wall_ns(clock) - now(clock);
  const std::int64_t drift = now_apart - wall_minus_axis_;
  if (drift > -kWallDriftNoted && drift < kWallDriftNoted) return false;
  std::atomic_ref(wall_minus_axis_).store(now_apart, std::memory_order_relaxed);
  return true;
}

}  // namespace insula::gateway
