#include "gateway/retry_budget.h"

namespace insula::gateway {
namespace {

constexpr unsigned kSecondShift = 32;
constexpr std::uint64_t kCountMask = 0xffff'ffffU;

std::uint64_t second_of(SteadyTime now) {
  return static_cast<std::uint64_t>(
             std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count()) &
         kCountMask;
}

}  // namespace

/// That of the present second, emptied of an earlier one's count.
std::atomic<std::uint64_t>& RetryBudget::slot(Slots& slots, SteadyTime now) {
  const std::uint64_t second = second_of(now);
  std::atomic<std::uint64_t>& slot = slots[second % slots.size()];
  std::uint64_t word = slot.load(std::memory_order_relaxed);
  while (word >> kSecondShift != second &&
         !slot.compare_exchange_weak(word, second << kSecondShift, std::memory_order_relaxed)) {
  }
  return slot;
}

std::int64_t RetryBudget::sum(const Slots& slots, SteadyTime now) {
  const std::uint64_t second = second_of(now);
  std::int64_t total = 0;
  for (const auto& slot : slots) {
    const std::uint64_t word = slot.load(std::memory_order_relaxed);
    if (second - (word >> kSecondShift) < slots.size())
      total += static_cast<std::int64_t>(word & kCountMask);
  }
  return total;
}

bool RetryBudget::take(SteadyTime now) {
  std::atomic<std::uint64_t>& present = slot(retries_, now);
  // First taken, then looked at: of two threads that want the last one, none or one gets it.
  present.fetch_add(1, std::memory_order_relaxed);
  if (sum(retries_, now) <= kFloor + sum(requests_, now) / kShare) return true;
  present.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

}  // namespace insula::gateway
