#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/limit_store.h"
#include "gateway/shared_limit.h"

namespace insula::gateway {

/// Who a replica is: an id for as long as its directory lives, and how often it was started.
struct ReplicaIdentity {
  std::string id;
  std::int64_t incarnation = 0;
};

/// This process as one of the replicas that share limits: what it says to the store, and what it
/// makes of the answers. It neither sends nor waits, see SharedLimits.
///
/// One call at a time: begin(), then finish() or fail(). An answer that comes later than
/// kAnswerWithin is none.
///
/// Threads: one loop's, but for what SharedLimit says.
class LimitReplica {
 public:
  static constexpr std::chrono::seconds kAnswerWithin{5};
  /// Of one call; more go with the next ones.
  static constexpr std::size_t kDemandsMax = 2000;

  LimitReplica(ReplicaIdentity identity, std::shared_ptr<ReplicaLease> lease)
      : identity_(std::move(identity)), lease_(std::move(lease)) {}

  /// Does nothing when it has the limit already.
  void add(std::shared_ptr<SharedLimit> limit) {
    if (limit->enter_list()) limits_.push_back(std::move(limit));
  }

  /// Whether add() was called for all that this replica may hold something of. Until then it says
  /// what it has, and not that this is all.
  void know_all(bool all) { knows_all_ = all; }

  /// Errors: kConflict when nothing may be said at this moment; try again.
  Result<StoreCall> begin(SteadyTime now);

  /// The answer to the last call. Errors: kConflict, kUnavailable: the store lends nothing to this
  /// replica, and why; kTimeout.
  Result<> finish(const StoreAnswer& answer, SteadyTime now);

  /// There is no answer.
  void fail_call();

  /// When the store is to be asked again, if nobody wakes the replica.
  [[nodiscard]] std::chrono::milliseconds pause() const;

  /// Of the last answer.
  [[nodiscard]] const std::vector<StoreMember>& members() const { return members_; }

  [[nodiscard]] const std::vector<std::shared_ptr<SharedLimit>>& limits() const { return limits_; }

  /// Whether the store refused to lend something, as it does not know what the replicas hold.
  [[nodiscard]] bool is_closed() const { return closed_; }

 private:
  struct Asked {
    std::shared_ptr<SharedLimit> limit;
    LimitDemand demand;
  };

  void forget_unused();
  [[nodiscard]] Result<> say(StoreCall& call, const std::shared_ptr<SharedLimit>& limit);
  [[nodiscard]] Result<bool> say_all(StoreCall& call);
  [[nodiscard]] Result<bool> say_news(StoreCall& call);
  void note_members(const StoreAnswer& answer, SteadyTime now);
  [[nodiscard]] std::vector<StoreMember> members_at(SteadyTime now) const;

  ReplicaIdentity identity_;
  std::shared_ptr<ReplicaLease> lease_;
  std::vector<std::shared_ptr<SharedLimit>> limits_;
  std::int64_t sequence_ = 0;
  std::string generation_ = "-";
  std::int64_t version_ = 0;
  std::chrono::milliseconds age_{};
  bool sound_ = false;
  SteadyTime heard_;  // when the last answer came
  std::vector<StoreMember> members_;
  /// All limits have yet to be told, those before `next_` are.
  bool registering_ = true;
  /// With which limit the next call begins.
  std::size_t next_ = 0;
  bool closed_ = false;
  /// The last answer named a replica that this one had not seen, which waits for its next call.
  bool meets_another_ = false;
  bool knows_all_ = true;

  // Of the call that is under way.
  std::vector<Asked> asked_;
  SteadyTime sent_;
  bool complete_ = false;
};

}  // namespace insula::gateway
