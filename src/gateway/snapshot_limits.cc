#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "gateway/shared_budget.h"
#include "gateway/shared_members.h"
#include "gateway/shared_windows.h"
#include "gateway/snapshot.h"

namespace insula::gateway {
namespace {

/// The limit that is known already, or the one that `make` makes.
template <class F>
std::shared_ptr<SharedLimit> remember(LimitSharer& shared,
                                      std::weak_ptr<SharedLimit>& known,
                                      F make) {
  auto limit = known.lock();
  if (limit == nullptr) {
    limit = make();
    known = limit;
  } else {
    shared.use(limit);
  }
  return limit;
}

/// A window as the store knows it: by its kind and owner.
template <class Window>
std::shared_ptr<SharedLimit> share(LimitSharer& shared,
                                   std::weak_ptr<SharedLimit>& known,
                                   std::string name,
                                   const LendingTerms& terms,
                                   const std::shared_ptr<Window>& window) {
  return remember(shared, known, [&] {
    return shared.share(
        std::move(name), terms, [window] { return window->counted(); }, std::nullopt);
  });
}

}  // namespace

void SnapshotBuilder::share_windows(const std::string& owner,
                                    Counted& counted,
                                    const std::shared_ptr<RateWindow>& requests,
                                    const std::shared_ptr<TokenWindow>& tokens,
                                    Limits& limits) {
  if (requests != nullptr)
    limits.requests = std::make_shared<SharedRequests>(
        requests, share(*shared_, counted.requests_share, "requests/" + owner,
                        LendingTerms::requests(), requests));
  if (tokens != nullptr)
    limits.tokens = std::make_shared<SharedTokens>(
        tokens,
        share(*shared_, counted.tokens_share, "tokens/" + owner, LendingTerms::tokens(), tokens));
}

void SnapshotBuilder::share_running(const std::string& owner, Counted& counted, Limits& limits) {
  if (!limits.most.concurrent_requests) return;
  limits.shared_running = remember(*shared_, counted.running_share, [&] {
    return shared_->share(
        "running/" + owner, LendingTerms::running(),
        [running = limits.running] { return running->load(); }, std::nullopt);
  });
}

void SnapshotBuilder::share_budget(const std::string& owner, Counted& counted, Limits& limits) {
  if (limits.budget == nullptr) return;
  SharedBudget::Shares shares;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const BudgetKind& kind = kBudgetKinds[i];
    if (!(limits.most.budget.*kind.most)) continue;
    shares[i] = remember(*shared_, counted.budget_shares[i], [&] {
      const auto held = [account = limits.budget, i] {
        const BudgetAccount::State state = account->state(i);
        return state.used + state.reserved;
      };
      return shared_->share(fmt::format("budget/{}/{}/{}", owner, counted.budget_of, kind.name),
                            LendingTerms::budget(), held,
                            lending_period(kind, clock_, [account = limits.budget, i] {
                              return account->period(i);
                            }));
    });
  }
  limits.shared_budget = std::make_shared<SharedBudget>(limits.budget, std::move(shares));
}

/// All that some member has is said of each, as the store may have lent it to this gateway before.
void SnapshotBuilder::share_members(const TenantConfig& config, Counted& counted, Tenant& tenant) {
  const std::string& budget_of = counted.members_budget_of;
  tenant.shared_members = counted.shared_members.lock();
  if (tenant.shared_members != nullptr) return tenant.shared_members->name_budgets(budget_of);
  tenant.shared_members =
      std::make_shared<SharedMembers>(*shared_, clock_, config.name, budget_of, tenant.members);
  counted.shared_members = tenant.shared_members;
  LimitConfig any = tenant.member_limits.each;
  for (const auto& [name, most] : tenant.member_limits.others) {
    for (const auto limit : {&LimitConfig::requests_per_hour, &LimitConfig::tokens_per_minute,
                             &LimitConfig::concurrent_requests}) {
      if (!(any.*limit)) any.*limit = most.*limit;
    }
    for (const BudgetKind& kind : kBudgetKinds) {
      if (!(any.budget.*kind.most)) any.budget.*kind.most = most.budget.*kind.most;
    }
  }
  SharedMembers::share_known(tenant.shared_members, any);
}

}  // namespace insula::gateway
