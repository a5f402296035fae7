#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "gateway/config.h"
#include "gateway/metrics.h"
#include "gateway/snapshot.h"
#include "gateway/usage_ledger.h"
#include "gateway/worker.h"
#include "net/address.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

struct GatewaySettings {
  /// Gets limits/, usage.db and usage-N.journal. One gateway at a time uses it.
  std::filesystem::path directory;
  unsigned loops = 1;
  std::shared_ptr<net::TlsContext> tls;  // null: plain HTTP
  std::size_t body_bytes_max = 32U << 20U;
  /// Of bodies that are arriving or waiting, for each loop.
  std::size_t buffered_bytes_max = kBufferedBytesMax;
  /// Connections and streams of clients, for each loop. Nothing: what the descriptors allow.
  std::optional<std::size_t> connections_max = std::nullopt;
  Timeouts timeouts;
};

/// The gateway without its process: event loops on threads of their own, the limits, the ledger.
///
/// apply() and the ledger's calls are made from one loop, the owner's, and do their blocking work
/// on one thread beside it, in order. Lifetime: clock, registry and log sink outlive it.
class Gateway {
 public:
  /// Takes the directory. What the journals of an earlier run hold is brought into the ledger
  /// before this returns; one that is damaged, or a damaged ledger, is kept aside as `.damaged`.
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

  /// New requests follow `config` from here on.
  Task<Result<>> apply(GatewayConfig config);

  /// Copies new usage to the ledger and the limits to the disk, and tries again to open limits that
  /// could not be. Call it about once a second.
  Task<Result<>> persist();

  /// Up-to-date sums.
  Task<Result<std::vector<UsageRow>>> usage(UsageQuery query);

  /// Stops accepting and returns when every request is answered or `deadline` has passed; then
  /// persists.
  Task<Result<>> drain(Deadline deadline);

 private:
  class Thread;

  Gateway(const GatewaySettings& settings, const Clock& clock, MetricsRegistry& registry, Log log);
  Result<> start(const GatewaySettings& settings);
  Result<> open_ledger();
  Result<> bring_in(const std::filesystem::path& journal_file);
  Result<std::unique_ptr<UsageJournal>> open_journal(const std::filesystem::path& file);
  Result<> keep_ledger_aside(const Error& why);
  Result<> keep_aside(const std::filesystem::path& file, const Error& why);
  Result<> persist_now();

  const Clock& clock_;
  Log log_;
  std::filesystem::path directory_;
  Fd lock_;
  GatewayMetrics metrics_;
  WorkerSettings worker_settings_;
  SnapshotBuilder builder_;
  /// As last applied, and whether that left tenants without a window.
  GatewayConfig config_;
  bool incomplete_ = false;
  std::unique_ptr<UsageLedger> ledger_;
  std::vector<std::unique_ptr<UsageJournal>> journals_;
  std::vector<std::uint64_t> persisted_changes_;
  std::vector<std::unique_ptr<Thread>> threads_;
  /// One thread: whatever touches the ledger, the journals' cells or the builder runs there.
  BlockingPool blocking_{1};
};

}  // namespace insula::gateway
