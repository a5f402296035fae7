#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "gateway/limit_store.h"
#include "gateway/limiter.h"

namespace insula::gateway {

/// The largest limit that replicas share; the store's numbers are exact up to here.
inline constexpr std::int64_t kSharedLimitMax = (std::int64_t{1} << 53) - 1;

/// On what terms a kind of limit is lent to a replica.
struct LendingTerms {
  /// For how long a replica may use what it holds without a word from the store.
  std::chrono::nanoseconds lease{};
  /// After how much silence nothing that it held counts any longer.
  std::chrono::milliseconds after{};
  /// Nothing that was used comes back before the period is over, so no lease ends either.
  bool keep = false;
  /// What is in use is held, however that came about: by a restart, or as more than was reserved.
  bool may_owe = true;
  /// Held in advance of a limit that is in use.
  std::int64_t stock = 1;

  [[nodiscard]] static LendingTerms requests();
  [[nodiscard]] static LendingTerms tokens();
  [[nodiscard]] static LendingTerms running();
  [[nodiscard]] static LendingTerms budget();
};

/// Of what begins anew with each day or month.
struct LendingPeriod {
  /// The number of the present one, which never goes back. Threads: any.
  std::function<std::int64_t()> now;
  /// For how long one has lasted. Threads: the replica's loop.
  std::function<std::chrono::milliseconds(std::int64_t period)> age;
};

/// What all limits of this replica have in common: when the store was last heard of.
class ReplicaLease {
 public:
  explicit ReplicaLease(const Clock& clock) : clock_(clock) {}

  /// `wake` is called when the store shall be asked soon, by any thread. Before others have the
  /// lease.
  void on_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  // Any thread's.
  [[nodiscard]] bool holds_for(std::chrono::nanoseconds lease) const;

  [[nodiscard]] bool is_away() const { return away_; }

  [[nodiscard]] SteadyTime now() const { return clock_.now(); }

  void wake() const {
    if (wake_) wake_();
  }

  // The replica's.
  void renew(SteadyTime when) { renewed_ = when.time_since_epoch().count(); }

  void set_away(bool away) { away_ = away; }

 private:
  const Clock& clock_;
  std::function<void()> wake_;
  std::atomic<std::int64_t> renewed_{INT64_MIN / 2};
  std::atomic<bool> away_{false};
};

class SharedLimit;

/// Makes limits that replicas share, and has them asked for. Threads: any.
class LimitSharer {
 public:
  virtual ~LimitSharer() = default;

  /// Makes a limit that the replicas share under this name. `counted`: see SharedLimit. `period`:
  /// of a budget.
  [[nodiscard]] virtual std::shared_ptr<SharedLimit> share(std::string owner,
                                                           const LendingTerms& terms,
                                                           std::function<std::int64_t()> counted,
                                                           std::optional<LendingPeriod> period) = 0;

  /// One that share() made is in use again. Whoever has a new reference calls it, as the limit is
  /// forgotten when nobody has one and nothing of it is in use.
  virtual void use(const std::shared_ptr<SharedLimit>& limit) = 0;
};

/// One limit of one owner that all replicas share: the part of it that this one holds. As long as
/// it uses no more of the limit in any window than it holds at that moment, and all replicas
/// together hold no more than the limit, the limit is kept.
///
/// Threads: any thread uses it, without locks; the part for the replica belongs to its loop.
class SharedLimit {
 public:
  /// `counted`: what of the limit this replica has in use now. Threads: it is called on the
  /// replica's loop.
  SharedLimit(std::string owner,
              LendingTerms terms,
              std::shared_ptr<ReplicaLease> lease,
              std::function<std::int64_t()> counted,
              std::optional<LendingPeriod> period = std::nullopt);
  SharedLimit(const SharedLimit&) = delete;
  SharedLimit& operator=(const SharedLimit&) = delete;

  /// Held while something of the limit is taken: from the look at what there is until it is
  /// counted. Short; nothing is given back meanwhile.
  class Use {
   public:
    explicit Use(SharedLimit& limit) : limit_(limit) {
      limit_.users_.fetch_add(1);
      period_ = limit_.period_;
      most_ = limit_.usable();
    }

    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    ~Use() { limit_.users_.fetch_sub(1); }

    /// What this replica may have in use.
    [[nodiscard]] std::int64_t most() const { return most_; }

    /// The period that this is of; what is taken must be counted in the same one.
    [[nodiscard]] std::int64_t period() const { return period_; }

   private:
    SharedLimit& limit_;
    std::int64_t period_ = 0;
    std::int64_t most_ = 0;
  };

  /// As configured now.
  void set_limit(std::int64_t limit) {
    limit_.store(std::min(limit, kSharedLimitMax), std::memory_order_relaxed);
  }

  /// So much was taken of what is held.
  void took(std::int64_t amount) { taken_.fetch_add(amount, std::memory_order_relaxed); }

  /// There was no room for so much. Returns why, after which the caller gives up, unless it is
  /// kAsking.
  Shortage miss(std::int64_t need);

  /// What nobody held when the store was last asked.
  [[nodiscard]] std::int64_t free() const { return free_.load(std::memory_order_relaxed); }

  /// Whether the lease lasts by which this replica may use what it holds.
  [[nodiscard]] bool is_lent() const { return lease_->holds_for(terms_.lease); }

  /// Whether the replica asks for it. If it does not, whoever has just got a reference sees to
  /// that.
  [[nodiscard]] bool is_listed() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return listed_;
  }

  // The replica's.

  /// Of a limit whose period has begun anew: that what is long over may be forgotten. At most once
  /// for each.
  [[nodiscard]] std::optional<LimitDemand> take_leftover() {
    return std::exchange(leftover_, std::nullopt);
  }

  [[nodiscard]] std::int64_t held() const { return held_; }

  /// Gives up what is not needed, and says what is held and needed; nothing when the store knows
  /// all that. `all`: says it anyhow. Errors: kConflict when the lease is over and somebody is
  /// taking something at this moment; then nothing may be said to the store at all.
  Result<std::optional<LimitDemand>> demand(SteadyTime now, bool all);

  /// The answer to that.
  void settle(const LimitDemand& demand, const LimitLoan& loan, SteadyTime now);

  /// Nothing of it is in use, held or asked for, and the store knows that.
  [[nodiscard]] bool is_over() const {
    return held_ == 0 && reported_ == 0 && needed_ == 0 && counted_() == 0;
  }

  /// Whether it is to be asked for again soon.
  [[nodiscard]] bool is_busy() const { return busy_; }

  /// Whether something is held that is not in use.
  [[nodiscard]] bool has_idle() const { return held_ > counted_(); }

  /// Whether it was not in the replica's list, where it is from here on.
  [[nodiscard]] bool enter_list() { return !listed_.exchange(true); }

  /// Whoever gets a reference after this sees that it is in no list; whoever had one before is
  /// counted among the owners that the caller looks at next.
  void leave_list() {
    listed_ = false;
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }

  /// Whether demand() may have something to say that the store does not know.
  [[nodiscard]] bool has_news(SteadyTime now) const {
    return busy_ || now >= look_at_ || needed_.load(std::memory_order_relaxed) > 0 ||
           taken_.load(std::memory_order_relaxed) > 0;
  }

 private:
  enum class State : std::uint8_t { kAsking, kDry, kClosed };

  [[nodiscard]] std::int64_t usable() const;
  bool lower(std::int64_t to);
  bool begin_period();
  [[nodiscard]] LimitDemand have() const;
  [[nodiscard]] std::int64_t stock_wanted(SteadyTime now, std::int64_t need);

  const std::string owner_;
  const LendingTerms terms_;
  const std::shared_ptr<ReplicaLease> lease_;
  const std::function<std::int64_t()> counted_;
  const std::optional<LendingPeriod> periods_;
  std::atomic<std::int64_t> limit_{0};
  std::atomic<std::int64_t> held_{0};
  std::atomic<std::int64_t> users_{0};
  std::atomic<std::int64_t> period_{0};
  std::atomic<std::int64_t> taken_{0};
  std::atomic<std::int64_t> needed_{0};
  std::atomic<std::int64_t> least_{INT64_MAX};
  std::atomic<std::int64_t> free_{0};
  /// What one request could have had when the store was last asked.
  std::atomic<std::int64_t> room_{0};
  std::atomic<State> state_{State::kAsking};
  /// The store was told of a need that it had nothing for.
  std::atomic<bool> starved_{false};
  std::atomic<std::int64_t> answered_{INT64_MIN / 2};  // when the state was said

  // The replica's.
  std::int64_t reported_ = 0;  // what the store believes is held
  std::atomic<bool> listed_{false};
  bool hungry_ = false;  // others need what is not used here
  bool busy_ = false;
  SteadyTime look_at_;  // when it is looked at again though nobody has used it
  int empty_answers_ = 0;
  std::int64_t idle_ = 0;           // held and not in use, at the last demand
  std::int64_t needed_before_ = 0;  // by those who waited then
  std::int64_t promised_ = 0;       // held for requests that have yet to take it
  SteadyTime promised_until_;
  std::optional<LimitDemand> leftover_;
  std::int64_t taken_before_ = 0;  // in the second before the present one
  std::int64_t taken_now_ = 0;
  std::int64_t second_ = 0;
};

}  // namespace insula::gateway
