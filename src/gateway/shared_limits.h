#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/limit_replica.h"
#include "gateway/limit_store.h"
#include "gateway/shared_limit.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// Reads who this replica is from its directory, and notes that it was started once more. Blocking.
/// Errors: fail_errno; kConflict when the file says something else.
[[nodiscard]] Result<ReplicaIdentity> start_replica(const std::filesystem::path& directory);

/// The limits that this process shares with other gateways, kept in step with the store by a task
/// of one loop. Requests use what is held; only those for which that is not enough wait.
///
/// Threads: made, started and destroyed on one loop; share() and turn() from any that ends before
/// it is destroyed. Lifetime: clock and registry outlive it.
class SharedLimits final : public LimitSharer {
 public:
  SharedLimits(std::unique_ptr<LimitStore> store,
               ReplicaIdentity identity,
               const Clock& clock,
               MetricsRegistry& registry,
               Log log);
  ~SharedLimits() override;
  SharedLimits(const SharedLimits&) = delete;
  SharedLimits& operator=(const SharedLimits&) = delete;

  [[nodiscard]] std::shared_ptr<SharedLimit> share(std::string owner,
                                                   const LendingTerms& terms,
                                                   std::function<std::int64_t()> counted,
                                                   std::optional<LendingPeriod> period) override;

  void use(const std::shared_ptr<SharedLimit>& limit) override;

  /// Windows and accounts of a configuration are open; `all`: none is missing. The store is asked
  /// from the first call on. On the task's loop.
  void follow(bool all);

  /// Returns when the store was asked for what was missed until now, or could not be.
  Task<> turn();

 private:
  struct Home;

  struct Ticket;

  Task<> run();
  Task<> take_turn();
  void tell(const Result<>& done);
  void tell_closed();

  const Clock& clock_;
  Log log_;
  std::unique_ptr<LimitStore> store_;
  std::shared_ptr<ReplicaLease> lease_;
  /// Kept by messages that are on their way.
  std::shared_ptr<Home> home_;
  Counter& round_trips_;
  Counter& failures_;
  Gauge& away_gauge_;
  Gauge& replicas_;
  Gauge& held_;
  Histogram& duration_;
  bool started_ = false;
  int failed_in_a_row_ = 0;
  std::string told_;  // why the store cannot be asked
  bool told_closed_ = false;
  TaskGroup tasks_;
};

}  // namespace insula::gateway
