#include "gateway/budget_report.h"

#include <algorithm>

namespace insula::gateway {
namespace {

/// What the rows of a tenant have in common.
struct Report {
  const Snapshot& snapshot;
  const Tenant& tenant;
  WallTime now;
};

BudgetRow row_of(const Report& report, const BudgetKind& kind, std::int64_t limit) {
  const auto& [snapshot, tenant, now] = report;
  const bool money = kind.unit == &Charge::spend;
  return {.tenant = tenant.name,
          .name = {},
          .kind = &kind,
          .limit = limit,
          .currency = money ? snapshot.prices.currency : std::string(),
          .resets = BudgetPeriods::end(kind, now)};
}

/// Of an owner whose account is known.
void add(std::vector<BudgetRow>& rows,
         const Report& report,
         const Limits& limits,
         LimitScope scope,
         std::string_view name) {
  if (limits.budget == nullptr) return;
  for (std::size_t i = 0; i < kBudgetKinds.size(); ++i) {
    const auto& limit = limits.most.budget.*kBudgetKinds[i].most;
    if (!limit) continue;
    BudgetRow row = row_of(report, kBudgetKinds[i], *limit);
    const BudgetAccount::State state = limits.budget->state(i);
    row.scope = scope;
    row.name = name;
    row.used = state.used;
    row.reserved = state.reserved;
    rows.push_back(std::move(row));
  }
}

void add_members(std::vector<BudgetRow>& rows, const Report& report, const UsedThisMonth& used) {
  const Tenant& tenant = report.tenant;
  std::size_t reported = 0;
  for (const auto& [member, sums] : used.of(tenant.name, tenant.uid).members) {
    const BudgetConfig& most = tenant.member_limits.of(member).budget;
    if (most == BudgetConfig{}) continue;
    if (++reported > kMembersReported) return;
    for (const BudgetKind& kind : kBudgetKinds) {
      const auto& limit = most.*kind.most;
      if (!limit) continue;
      BudgetRow row = row_of(report, kind, *limit);
      row.scope = LimitScope::kMember;
      row.name = member;
      row.used = (kind.monthly ? sums.month : sums.day).*kind.unit;
      rows.push_back(std::move(row));
    }
  }
}

}  // namespace

std::vector<BudgetRow> budgets_of_tenants(const Snapshot& snapshot, WallTime now) {
  std::vector<BudgetRow> rows;
  for (const auto& [name, tenant] : snapshot.tenants)
    add(rows, {snapshot, tenant, now}, tenant.limits, LimitScope::kTenant, "");
  std::ranges::sort(rows, {}, [](const BudgetRow& row) {
    return std::pair(std::string_view(row.tenant), row.kind);
  });
  return rows;
}

std::vector<BudgetRow> budgets_of(const Snapshot& snapshot,
                                  const Tenant& tenant,
                                  const UsedThisMonth& used,
                                  WallTime now) {
  std::vector<BudgetRow> rows;
  add(rows, {snapshot, tenant, now}, tenant.limits, LimitScope::kTenant, "");
  for (const ModelRoute& model : tenant.models.list()) {
    if (model.limits)
      add(rows, {snapshot, tenant, now}, *model.limits, LimitScope::kModel, model.name);
  }
  const auto keys_begin = static_cast<std::ptrdiff_t>(rows.size());
  for (const auto& [id, record] : snapshot.api_keys.records()) {
    if (record.grant.tenant == tenant.name)
      add(rows, {snapshot, tenant, now}, record.grant.limits, LimitScope::kKey, id);
  }
  std::ranges::sort(rows.begin() + keys_begin, rows.end(), {}, [](const BudgetRow& row) {
    return std::pair(std::string_view(row.name), row.kind);
  });
  add_members(rows, {snapshot, tenant, now}, used);
  return rows;
}

void BudgetGauges::update(const Snapshot& snapshot, WallTime now) {
  for (const auto& [budget, gauge] : known_)
    gauge->set(0);
  for (const BudgetRow& row : budgets_of_tenants(snapshot, now)) {
    Gauge*& gauge = known_[{row.tenant, std::string(row.kind->name)}];
    if (gauge == nullptr) {
      gauge = &registry_.gauge(
          "insula_gateway_budget_used_ratio",
          "Which part of a budget of the tenant is used in the present day or month; 0 when there "
          "is no such budget. At 1 its requests are refused: raise the budget, or wait for the end "
          "of the period.",
          {{"tenant", row.tenant}, {"budget", std::string(row.kind->name)}});
    }
    gauge->set(row.limit == 0 ? 1 : static_cast<double>(row.used) / static_cast<double>(row.limit));
  }
}

}  // namespace insula::gateway
