#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/time.h"
#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "gateway/access_log.h"
#include "gateway/budget_report.h"
#include "gateway/config.h"
#include "gateway/endpoint_monitor.h"
#include "gateway/limit_store.h"
#include "gateway/metrics.h"
#include "gateway/snapshot.h"
#include "gateway/span_exporter.h"
#include "gateway/usage_report.h"
#include "gateway/usage_store.h"
#include "gateway/waiting_room.h"
#include "gateway/worker.h"
#include "net/address.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

class SharedLimits;

struct GatewaySettings {
  /// Gets limits/ and what UsageStore keeps. One gateway at a time uses it.
  std::filesystem::path directory;
  unsigned loops = 1;
  IoEngine io_engine = IoEngine::kAuto;
  std::shared_ptr<net::TlsContext> tls;  // null: plain HTTP
  std::size_t body_bytes_max = 32U << 20U;
  /// Of bodies that are arriving or waiting, for each loop.
  std::size_t buffered_bytes_max = kBufferedBytesMax;
  /// Connections and streams of clients, for each loop. Nothing: what the descriptors allow.
  std::optional<std::size_t> connections_max = std::nullopt;
  Timeouts timeouts;
  RecordRetention records = {};
  AccessLogOptions access_log = {};
  TracingOptions tracing = {};
  /// Makes the store in which limits are shared with other gateways; none: they are this one's own.
  std::function<std::unique_ptr<LimitStore>()> limit_store = {};
};

/// Whose usage is meant: of tenants that were deleted, and those of a time when nobody noted which
/// tenant of a name it was, only when they are asked for.
enum class UsageOf : std::uint8_t { kPresentTenants, kAllTenants };

/// The gateway without its process: event loops on threads of their own, the limits, the ledger.
///
/// apply() and the ledger's calls are made from one loop, the owner's, and do their blocking work
/// on one thread beside it, in order. Lifetime: clock, registry and log sink outlive it.
class Gateway {
 public:
  /// Takes the directory. What an earlier run left of usage is brought in before this returns, see
  /// UsageStore.
  /// Errors: kConflict when another gateway has the directory; fail_errno.
  static Result<std::unique_ptr<Gateway>> create(const GatewaySettings& settings,
                                                 const Clock& clock,
                                                 MetricsRegistry& registry,
                                                 Log log);
  /// Cuts off what still runs; drain() first.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// All loops accept from `fd`, a listening socket, which stays the caller's.
  Result<> serve(int fd);

  /// New connections are shown this certificate unless they ask for a host with one of its own.
  /// Requires: the gateway was made with one.
  void use_tls(const std::shared_ptr<net::TlsContext>& tls);

  /// New requests follow `config` once this returns.
  Task<Result<>> apply(GatewayConfig config);

  /// When an API key ends (zero: never). Nothing: requests with it are refused.
  [[nodiscard]] std::optional<api::Time> api_key_end(std::string_view id) const;

  /// Copies new usage to the ledger and the limits to the disk, and tries again to open limits that
  /// could not be. Call it about once a second.
  Task<Result<>> persist();

  /// All sums there are, as write_usage_dump() has them. Moves new records to their log, too.
  Task<Result<std::string>> usage_dump();

  /// Up-to-date sums. Of the query `present` is set here.
  Task<Result<UsageAnswer>> usage(UsageQuery query, UsageOf whose = UsageOf::kPresentTenants);

  /// A scan of the single requests that were settled until now, for next_records().
  Task<std::shared_ptr<RecordScan>> records(RecordQuery query,
                                            UsageOf whose = UsageOf::kPresentTenants);
  Task<Result<RecordScan::Piece>> next_records(std::shared_ptr<RecordScan> scan);

  /// The access log goes on in the file that has its path now.
  void reopen_access_log();

  /// Stops accepting and returns when every request is answered or `deadline` has passed; then
  /// persists.
  Task<Result<>> drain(Deadline deadline);

 private:
  class Thread;

  Gateway(const GatewaySettings& settings, const Clock& clock, MetricsRegistry& registry, Log log);
  Result<> share_limits(const GatewaySettings& settings);
  Result<> start(const GatewaySettings& settings);
  Result<> start_observers(const GatewaySettings& settings, unsigned loops);
  [[nodiscard]] ObserverSettings observer_of(const GatewaySettings& settings, unsigned loop);
  Task<> on_every_loop(std::function<void(Worker&)> call);
  Result<> persist_now();
  [[nodiscard]] Result<std::vector<BudgetRow>> budgets_in(const Snapshot& snapshot,
                                                          const std::string& tenant);
  [[nodiscard]] std::map<std::string, std::string, std::less<>> present_tenants() const;

  const Clock& clock_;
  MetricsRegistry& registry_;
  Log log_;
  std::filesystem::path directory_;
  Fd lock_;
  GatewayMetrics metrics_;
  WaitingRoom waiting_room_;                     // on the owner's loop
  std::unique_ptr<SharedLimits> shared_limits_;  // on the owner's loop
  WorkerSettings worker_settings_;
  SnapshotBuilder builder_;
  /// As last applied, and whether that left tenants without a window.
  GatewayConfig config_;
  bool incomplete_ = false;
  std::shared_ptr<const Snapshot> snapshot_;  // that every thread has
  BudgetGauges budget_gauges_;
  std::unique_ptr<UsageStore> usage_;
  /// One thread: whatever touches the log of records runs there.
  BlockingPool writing_{1};
  std::unique_ptr<AccessLog> access_log_;  // null: none is kept
  std::unique_ptr<SpanExporter> spans_;    // null: none are exported
  /// One thread: the access log is written there, however slow its reader is.
  BlockingPool logging_{1};
  std::vector<std::unique_ptr<Thread>> threads_;
  /// On the owner's loop.
  std::unique_ptr<EndpointMonitor> monitor_;
  /// One thread: whatever touches the ledger, the journals' cells or the builder runs there.
  BlockingPool blocking_{1};
};

}  // namespace insula::gateway
