#include "gateway/shared_limit.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sched.h>

namespace insula::gateway {
namespace {

/// So often in a row the store has nothing before a request is refused: what another replica does
/// not use comes back meanwhile.
constexpr int kEmptyAnswers = 5;
/// While something is asked for, the store is asked more often than this.
constexpr std::chrono::nanoseconds kStaleAfter = std::chrono::milliseconds(250);
/// What leaves the window is noticed within this.
constexpr std::chrono::milliseconds kLookAgain{250};
/// Requests that waited take what was lent to them within this.
constexpr std::chrono::milliseconds kPromise{100};
/// Replicas are not told apart by midnight any more.
constexpr std::chrono::minutes kClocksApart{5};
/// Looks for the end of what threads are taking; each lasts less than a microsecond, unless its
/// thread has to wait for a processor. Then the next call does it.
constexpr int kLooks = 100;

/// Clocks of two machines run alike to a hundredth, and much better.
constexpr std::chrono::milliseconds after(std::chrono::seconds lease, std::chrono::seconds window) {
  const std::chrono::milliseconds over = lease + window;
  return over + over / 100 + std::chrono::seconds(1);
}

}  // namespace

LendingTerms LendingTerms::requests() {
  constexpr std::chrono::seconds kLease{600};
  return {.lease = kLease, .after = gateway::after(kLease, kRateWindow), .stock = 16};
}

LendingTerms LendingTerms::tokens() {
  constexpr std::chrono::seconds kLease{60};
  return {.lease = kLease, .after = gateway::after(kLease, kTokenWindow), .stock = 4096};
}

LendingTerms LendingTerms::running() {
  constexpr std::chrono::seconds kLease{300};
  // Requests that still run when it is over are ended.
  return {.lease = kLease, .after = gateway::after(kLease, {}), .may_owe = false, .stock = 1};
}

LendingTerms LendingTerms::budget() {
  return {.keep = true, .stock = 1};
}

bool ReplicaLease::holds_for(std::chrono::nanoseconds lease) const {
  return clock_.now().time_since_epoch().count() < renewed_ + lease.count();
}

SharedLimit::SharedLimit(std::string owner,
                         LendingTerms terms,
                         std::shared_ptr<ReplicaLease> lease,
                         std::function<std::int64_t()> counted,
                         std::optional<LendingPeriod> period)
    : owner_(std::move(owner)),
      terms_(terms),
      lease_(std::move(lease)),
      counted_(std::move(counted)),
      periods_(std::move(period)) {}

std::int64_t SharedLimit::usable() const {
  if (periods_ && periods_->now() != period_) return 0;
  return terms_.keep || lease_->holds_for(terms_.lease) ? held_.load() : 0;
}

Shortage SharedLimit::miss(std::int64_t need) {
  if (lease_->is_away()) return Shortage::kAway;
  needed_.fetch_add(need);
  std::int64_t least = least_;
  while (need < least && !least_.compare_exchange_weak(least, need)) {
  }
  const State state = state_;
  // What the store said a while ago may be otherwise now.
  const bool is_stale = lease_->now().time_since_epoch().count() - answered_ > kStaleAfter.count();
  if (state == State::kClosed && !is_stale) return Shortage::kClosed;
  // Another may have needed more than this one.
  if (state == State::kDry && !is_stale && need > room_) return Shortage::kNone;
  // It is asked again soon anyhow when it had nothing a moment ago.
  if (!starved_) lease_->wake();
  return Shortage::kAsking;
}

/// Holds no more than `to`, or than is in use. False when threads were taking all the time.
///
/// Whoever takes counts itself first and then looks at what is held. So once nobody is counted
/// after the new number is there, whoever comes later sees that, and all that was taken by the old
/// one is in what is counted.
bool SharedLimit::lower(std::int64_t to) {
  const std::int64_t before = held_;
  if (to >= before) return true;
  held_ = to;
  for (int i = 0; i < kLooks; ++i) {
    if (users_ == 0) {
      held_ = std::clamp(counted_(), to, before);
      return true;
    }
    ::sched_yield();
  }
  held_ = before;
  return false;
}

/// What was held was of the last period. False as lower().
bool SharedLimit::begin_period() {
  const std::int64_t now = periods_->now();
  if (now == period_) return true;
  if (!lower(0)) return false;
  held_ = 0;
  reported_ = 0;
  promised_ = 0;
  state_ = State::kAsking;
  // Two periods back: by no replica's clock is that the present one.
  leftover_ = LimitDemand{.owner = fmt::format("{}/{}", owner_, now - 2), .limit = -1};
  period_ = now;
  return true;
}

/// What the replica holds, and on what terms.
LimitDemand SharedLimit::have() const {
  LimitDemand demand{.owner = owner_,
                     .limit = limit_.load(std::memory_order_relaxed),
                     .have = held_,
                     .after = terms_.after,
                     .keep = terms_.keep};
  if (!periods_) return demand;
  demand.owner = fmt::format("{}/{}", owner_, period_.load());
  // A store that has known everything since before the period began knows all of it.
  demand.after = std::max(periods_->age(period_), std::chrono::milliseconds(0)) + kClocksApart;
  return demand;
}

/// As much as was taken in the last second or two; nothing when nothing was.
std::int64_t SharedLimit::stock_wanted(SteadyTime now, std::int64_t need) {
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (second != second_) {
    taken_before_ = second == second_ + 1 ? taken_now_ : 0;
    taken_now_ = 0;
    second_ = second;
  }
  taken_now_ += taken_.exchange(0) + need;
  const std::int64_t recent = taken_before_ + taken_now_;
  return recent == 0 ? 0 : std::max(recent, terms_.stock);
}

Result<std::optional<LimitDemand>> SharedLimit::demand(SteadyTime now, bool all) {
  if (periods_ && !begin_period()) return fail(ErrorCode::kConflict, "a limit is in use");
  const std::int64_t need = needed_.exchange(0);
  const std::int64_t least = least_.exchange(INT64_MAX);
  const bool expired = !terms_.keep && !lease_->holds_for(terms_.lease);
  const std::int64_t wanted = stock_wanted(now, need);
  const std::int64_t counted = counted_();
  if (terms_.may_owe && counted > held_) held_ = counted;
  const std::int64_t promised = now < promised_until_ ? promised_ : 0;
  const std::int64_t stock = expired ? 0 : std::max(hungry_ ? 0 : wanted, promised);
  const std::int64_t surplus = held_ - counted - stock;
  // A little too much is kept, so that nothing goes back and forth.
  if ((surplus > stock || expired) && !lower(counted + stock) && expired)
    return fail(ErrorCode::kConflict, "a limit is in use");
  LimitDemand demand = have();
  idle_ = std::max<std::int64_t>(demand.have - counted, 0);
  needed_before_ = need;
  // What is held and not in use goes to those who wait, too.
  demand.need = std::max<std::int64_t>(need - idle_, 0);
  if (demand.need > 0) demand.least = std::max<std::int64_t>(std::min(least, need) - idle_, 1);
  demand.want = std::max<std::int64_t>(stock - idle_, 0);
  busy_ = wanted > 0 || need > 0 || hungry_ || starved_;
  look_at_ = now + kLookAgain;
  const bool is_known = demand.have == reported_ && need == 0 && demand.want == 0 && !busy_;
  if (is_known && !all) return std::nullopt;
  return demand;
}

void SharedLimit::settle(const LimitDemand& demand, const LimitLoan& loan, SteadyTime now) {
  answered_ = now.time_since_epoch().count();
  reported_ = demand.have + loan.granted;
  held_ += loan.granted;
  free_.store(std::max<std::int64_t>(loan.free, 0), std::memory_order_relaxed);
  room_ = std::max<std::int64_t>(loan.free, 0) + idle_ + loan.granted;
  hungry_ = loan.hungry;
  starved_ = demand.need > loan.granted;
  promised_ = std::min(needed_before_, idle_ + loan.granted);
  promised_until_ = now + kPromise;
  if (starved_ && (!loan.open || !loan.is_member)) {
    state_ = State::kClosed;
  } else if (starved_) {
    if (++empty_answers_ >= kEmptyAnswers) state_ = State::kDry;
    return;
  } else if (loan.granted > 0 || loan.free > 0) {
    state_ = State::kAsking;
  }
  empty_answers_ = 0;
}

}  // namespace insula::gateway
