#include "gateway/member_window.h"

#include <algorithm>

namespace insula::gateway {
namespace {

constexpr std::uint64_t kAmountMost = UINT32_MAX;

std::uint64_t number_of(std::int64_t bucket) {
  return static_cast<std::uint64_t>(bucket) & UINT32_MAX;
}

}  // namespace

std::int64_t MemberWindow::amount_in(std::int64_t bucket) const {
  const std::uint64_t word = buckets_[static_cast<std::uint64_t>(bucket) % kBuckets];
  return word >> 32U == number_of(bucket) ? static_cast<std::int64_t>(word & kAmountMost) : 0;
}

void MemberWindow::add(std::int64_t amount, std::int64_t bucket) {
  std::atomic<std::uint64_t>& place = buckets_[static_cast<std::uint64_t>(bucket) % kBuckets];
  std::uint64_t word = place;
  for (;;) {
    const std::uint64_t before = word >> 32U == number_of(bucket) ? word & kAmountMost : 0;
    const std::uint64_t sum = std::min(before + static_cast<std::uint64_t>(amount), kAmountMost);
    if (place.compare_exchange_weak(word, number_of(bucket) << 32U | sum)) return;
  }
}

std::int64_t MemberWindow::held(std::int64_t bucket) const {
  // Before the buckets: a settlement adds to them first and ends its reservation then.
  std::int64_t sum = reserved_;
  for (std::int64_t each = bucket - kCounted; each <= bucket; ++each)
    sum += amount_in(each);
  return sum;
}

std::int64_t MemberWindow::reserve(std::int64_t amount, std::int64_t bucket) {
  reserved_ += amount;
  return held(bucket);
}

void MemberWindow::settle(std::int64_t reserved, std::int64_t used, std::int64_t bucket) {
  if (used > 0) add(used, bucket);
  reserved_ -= reserved;
}

std::int64_t MemberWindow::free_at(std::int64_t needed, std::int64_t bucket) const {
  std::int64_t freed = 0;
  for (std::int64_t each = bucket - kCounted; each <= bucket; ++each) {
    freed += amount_in(each);
    if (freed > 0 && freed >= needed) return each + kCounted + 1;
  }
  // The rest is reserved, and when that is settled is not known.
  return bucket + kCounted + 1;
}

void MemberWindow::recover(std::int64_t bucket) {
  if (const std::int64_t left = reserved_.exchange(0); left > 0) add(left, bucket);
}

void MemberWindow::clear() {
  reserved_ = 0;
  for (auto& bucket : buckets_)
    bucket = 0;
}

}  // namespace insula::gateway
