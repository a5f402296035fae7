#include "gateway/fair_queue.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace insula::gateway {

std::optional<std::int64_t> FairQueue::least_waiting() const {
  std::optional<std::int64_t> least;
  for (const auto& [name, tenant] : tenants_) {
    if (!tenant.waiting.empty()) least = std::min(least.value_or(INT64_MAX), tenant.counter);
  }
  return least;
}

/// A counter that would be lifted as soon as its tenant waits says nothing.
void FairQueue::forget_idle() {
  const std::int64_t floor = least_waiting().value_or(last_);
  std::erase_if(tenants_, [&](const auto& entry) {
    return entry.second.waiting.empty() && entry.second.counter <= floor;
  });
  while (tenants_.size() > kIdleMax) {
    const auto idle = std::ranges::find_if(
        tenants_, [](const auto& entry) { return entry.second.waiting.empty(); });
    if (idle == tenants_.end()) return;
    tenants_.erase(idle);
  }
}

FairQueue::Added FairQueue::add(Waiting request, std::size_t tenant_max) {
  if (tenants_.size() > kIdleMax) forget_idle();
  Tenant& tenant = tenants_[request.tenant];
  if (tenant.waiting.size() >= tenant_max) return Added::kTenantFull;
  if (waiting_ >= waiting_max_) return Added::kFull;
  if (tenant.waiting.empty())
    tenant.counter = std::max(tenant.counter, least_waiting().value_or(last_));
  tenant.waiting.push_back(std::move(request));
  ++waiting_;
  return Added::kYes;
}

std::optional<FairQueue::Waiting> FairQueue::next(
    const std::function<bool(const Waiting&)>& can_run) {
  std::vector<std::map<std::string, Tenant>::iterator> order;
  for (auto each = tenants_.begin(); each != tenants_.end(); ++each) {
    if (!each->second.waiting.empty()) order.push_back(each);
  }
  std::ranges::sort(order, {}, [](const auto& each) {
    return std::pair(each->second.counter, std::string_view(each->first));
  });
  for (const auto& each : order) {
    Tenant* const tenant = &each->second;
    const auto found = std::ranges::find_if(tenant->waiting, can_run);
    if (found == tenant->waiting.end()) continue;
    Waiting request = std::move(*found);
    tenant->waiting.erase(found);
    --waiting_;
    charge(request.tenant, request.weight, kInputWeight * request.input);
    last_ = tenant->counter;
    return request;
  }
  return std::nullopt;
}

bool FairQueue::remove(const std::string& name, std::uint64_t number) {
  const auto tenant = tenants_.find(name);
  if (tenant == tenants_.end()) return false;
  if (std::erase_if(tenant->second.waiting,
                    [&](const Waiting& each) { return each.number == number; }) == 0)
    return false;
  --waiting_;
  return true;
}

void FairQueue::charge(const std::string& name, std::int64_t weight, std::int64_t tokens) {
  const auto tenant = tenants_.find(name);
  // One that has never waited is lifted when it does.
  if (tenant != tenants_.end()) tenant->second.counter += tokens * kTenantWeightMax / weight;
}

std::int64_t FairQueue::counter(const std::string& name) const {
  const auto tenant = tenants_.find(name);
  return tenant == tenants_.end() ? 0 : tenant->second.counter / kTenantWeightMax;
}

}  // namespace insula::gateway
