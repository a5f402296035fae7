#include "gateway/shared_members.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "gateway/shared_budget.h"
#include "gateway/shared_windows.h"

namespace insula::gateway {

LendingPeriod lending_period(const BudgetKind& kind,
                             const Clock& clock,
                             std::function<std::int64_t()> now) {
  return {.now = std::move(now), .age = [&clock, kind](std::int64_t period) {
            return std::chrono::floor<std::chrono::milliseconds>(
                clock.wall() - BudgetPeriods::begin(kind, period));
          }};
}

/// A member's place, as what is shared of it counts it.
struct SharedMembers::Watched {
  Watched(std::shared_ptr<SharedMembers> all, std::size_t place)
      : members(std::move(all)), place(members->table_, place) {}

  const std::shared_ptr<SharedMembers> members;
  const MemberTable::Watch place;
};

/// Null for what is not limited.
struct SharedMembers::Shares {
  std::shared_ptr<SharedLimit> requests;
  std::shared_ptr<SharedLimit> tokens;
  std::shared_ptr<SharedLimit> running;
  SharedBudget::Shares budgets;
};

SharedMembers::SharedMembers(LimitSharer& sharer,
                             const Clock& clock,
                             std::string tenant,
                             std::string budget_of,
                             std::shared_ptr<MemberTable> table)
    : sharer_(sharer), clock_(clock), tenant_(std::move(tenant)), table_(std::move(table)) {
  name_budgets(budget_of);
}

void SharedMembers::name_budgets(const std::string& budget_of) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.budget_of = budget_of;
  }
}

SharedMembers::Shares SharedMembers::shares_of(const std::shared_ptr<SharedMembers>& members,
                                               const MemberTable::Hold& hold,
                                               const LimitConfig& most) {
  Shard& shard = members->shards_[hold.place() % kShards];
  const std::lock_guard lock(shard.mutex);
  Entry& entry = shard.entries[hold.place()];
  if (entry.budget_of != shard.budget_of) {
    entry.budget_of = shard.budget_of;
    entry.budgets = {};
  }
  std::shared_ptr<Watched> watched;
  // The limit that is known already, or the one that `make` makes.
  const auto remember = [&](std::weak_ptr<SharedLimit>& known, const auto& make) {
    auto limit = known.lock();
    if (limit != nullptr) {
      if (!limit->is_listed()) members->sharer_.use(limit);
      return limit;
    }
    if (watched == nullptr) watched = std::make_shared<Watched>(members, hold.place());
    limit = make(fmt::format("member.{}.{}", members->tenant_, hold.shared_name()));
    known = limit;
    return limit;
  };
  const auto window = [&](std::weak_ptr<SharedLimit>& known, std::string_view kind,
                          const LendingTerms& terms, auto counted) {
    return remember(known, [&](const std::string& owner) {
      return members->sharer_.share(
          fmt::format("{}/{}", kind, owner), terms,
          [watched, counted] { return (watched->place.*counted)(); }, std::nullopt);
    });
  };
  Shares shares;
  if (most.requests_per_hour)
    shares.requests =
        window(entry.requests, "requests", LendingTerms::requests(), &MemberTable::Watch::requests);
  if (most.tokens_per_minute)
    shares.tokens =
        window(entry.tokens, "tokens", LendingTerms::tokens(), &MemberTable::Watch::tokens);
  if (most.concurrent_requests)
    shares.running =
        window(entry.running, "running", LendingTerms::running(), &MemberTable::Watch::running);
  for (std::size_t i = 0; i < kBudgetKinds.size(); ++i) {
    const BudgetKind& kind = kBudgetKinds[i];
    if (!(most.budget.*kind.most)) continue;
    shares.budgets[i] = remember(entry.budgets[i], [&](const std::string& owner) {
      const auto held = [watched, i] {
        const BudgetAccount::State state = watched->place.budget().state(i);
        return state.used + state.reserved;
      };
      return members->sharer_.share(
          fmt::format("budget/{}/{}/{}", owner, entry.budget_of, kind.name), LendingTerms::budget(),
          held, lending_period(kind, members->clock_, [watched, i] {
            return watched->place.budget().period(i);
          }));
    });
  }
  return shares;
}

void SharedMembers::share_known(const std::shared_ptr<SharedMembers>& members,
                                const LimitConfig& most) {
  members->table_->for_each_named(
      [&](const MemberTable::Hold& hold) { static_cast<void>(shares_of(members, hold, most)); });
}

void SharedMembers::share(const std::shared_ptr<SharedMembers>& members,
                          const MemberTable::Hold& hold,
                          Limits& limits) {
  Shares shares = shares_of(members, hold, limits.most);
  if (shares.requests != nullptr)
    limits.requests = std::make_shared<SharedRequests>(limits.requests, std::move(shares.requests));
  if (shares.tokens != nullptr)
    limits.tokens = std::make_shared<SharedTokens>(limits.tokens, std::move(shares.tokens));
  limits.shared_running = std::move(shares.running);
  if (limits.most.budget != BudgetConfig{})
    limits.shared_budget = std::make_shared<SharedBudget>(limits.budget, std::move(shares.budgets));
}

}  // namespace insula::gateway
