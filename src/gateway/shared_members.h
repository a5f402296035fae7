#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "gateway/budget.h"
#include "gateway/config.h"
#include "gateway/limits.h"
#include "gateway/member_table.h"
#include "gateway/shared_limit.h"

namespace insula::gateway {

/// The period of a budget, as the store's limits have it. `now`: see LendingPeriod. Lifetime: the
/// clock outlives it.
[[nodiscard]] LendingPeriod lending_period(const BudgetKind& kind,
                                           const Clock& clock,
                                           std::function<std::int64_t()> now);

/// What the limits of one tenant's members have in common with those of other gateways.
///
/// A member is shared while it has a place in the table: its limits are made with its first request
/// that is held to them, and forgotten when the replica has nothing of them in use or in advance.
/// Until then the place is given to nobody else, so a place has the limits of one member at any
/// time, and a tenant has no more of them than places. Members without a place share one with those
/// of all other gateways.
///
/// Threads: any; a mutex of one in sixteen members is taken for less than a microsecond. Lifetime:
/// sharer and clock outlive it; its limits keep it until they are forgotten.
class SharedMembers {
 public:
  /// `tenant`: its name. `budget_of`: whose budgets the table counts, see name_budgets().
  SharedMembers(LimitSharer& sharer,
                const Clock& clock,
                std::string tenant,
                std::string budget_of,
                std::shared_ptr<MemberTable> table);
  SharedMembers(const SharedMembers&) = delete;
  SharedMembers& operator=(const SharedMembers&) = delete;

  /// Shares those of `most` for all members that the table knows, so that the store hears what this
  /// gateway holds for them, and that it holds nothing more. Before requests come.
  static void share_known(const std::shared_ptr<SharedMembers>& members, const LimitConfig& most);

  /// Has the limits of a member shared, those that there are.
  static void share(const std::shared_ptr<SharedMembers>& members,
                    const MemberTable::Hold& hold,
                    Limits& limits);

  /// Budgets are of another tenant of the same name from here on: its uid and currency.
  void name_budgets(const std::string& budget_of);

 private:
  static constexpr std::size_t kShards = 16;

  struct Entry {
    std::weak_ptr<SharedLimit> requests;
    std::weak_ptr<SharedLimit> tokens;
    std::weak_ptr<SharedLimit> running;
    std::array<std::weak_ptr<SharedLimit>, kBudgetKinds.size()> budgets;
    std::string budget_of;
  };

  /// Of every sixteenth place.
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::size_t, Entry> entries;  // by place
    std::string budget_of;
  };

  struct Watched;

  struct Shares;

  [[nodiscard]] static Shares shares_of(const std::shared_ptr<SharedMembers>& members,
                                        const MemberTable::Hold& hold,
                                        const LimitConfig& most);

  LimitSharer& sharer_;
  const Clock& clock_;
  const std::string tenant_;
  const std::shared_ptr<MemberTable> table_;
  std::array<Shard, kShards> shards_;
};

}  // namespace insula::gateway
