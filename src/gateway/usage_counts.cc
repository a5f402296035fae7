#include "gateway/usage_counts.h"

namespace insula::gateway {

std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

UsageCounts& UsageCounts::operator+=(const UsageCounts& other) {
  for (const auto member : kUsageCountMembers)
    this->*member = saturating_sum(this->*member, other.*member);
  return *this;
}

UsageCounts UsageCounts::minus(const UsageCounts& other) const {
  UsageCounts difference;
  for (const auto member : kUsageCountMembers)
    difference.*member = this->*member - other.*member;
  return difference;
}

}  // namespace insula::gateway
