#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/budget.h"
#include "gateway/metrics.h"
#include "gateway/record_log.h"
#include "gateway/record_scan.h"
#include "gateway/usage_ledger.h"
#include "gateway/usage_recorder.h"
#include "telemetry/log.h"

namespace insula::gateway {

/// Of a gateway's directory.
inline constexpr const char* kUsageLedgerFile = "usage.db";
inline constexpr const char* kUsageRecordsFolder = "records";

struct UsageSettings {
  unsigned loops = 1;
  RecordRetention retention = {};
};

/// All that a gateway keeps of usage, in its directory: usage.db, records/, and for each loop N
/// usage-N.journal, usage-N.running and usage-N.ring.
///
/// Threads: a recorder belongs to its loop. persist() and read() are for one thread,
/// write_records() and what it concerns for another: neither waits for the other's disk writes.
class UsageStore {
 public:
  /// Brings in what an earlier run left, also one with more loops or of an earlier format, and
  /// bills the requests that it cut off. What is damaged is kept aside as `.damaged`; sums for
  /// which the disk has no room stay in their journals. Errors: fail_errno.
  static Result<std::unique_ptr<UsageStore>> open(const std::filesystem::path& directory,
                                                  const UsageSettings& settings,
                                                  const Clock& clock,
                                                  GatewayMetrics& metrics,
                                                  const Log& log);

  [[nodiscard]] UsageRecorder& recorder(std::size_t loop) { return *recorders_[loop]; }

  /// Copies new sums to the ledger. Errors: as UsageLedger's; then they stay in their journals.
  Result<> persist();

  /// Up-to-date sums, also while the disk is full.
  [[nodiscard]] Result<std::vector<UsageRow>> read(const UsageQuery& query);

  /// All sums there are, of one hour, model, key, member and currency each, up to date. Errors: as
  /// UsageLedger's.
  [[nodiscard]] Result<std::vector<UsageRow>> sums();

  /// What was used this month, up to date. Errors: as UsageLedger's.
  [[nodiscard]] Result<UsedThisMonth> used_this_month(const std::string& currency);

  /// How many tenants of this name have sums, beside the one whose uid is given, if one is.
  [[nodiscard]] Result<std::size_t> tenants_beside(const std::string& tenant,
                                                   const std::string* uid) const;

  /// Moves new records to the log, and removes those that are too many or too old. Says once in the
  /// log when it fails and when it works again. Errors: fail_errno.
  Result<> write_records();

  /// Writes records to the disk. Errors: fail_errno.
  Result<> sync_records() { return records_->sync(); }

  /// A scan of all records there are now.
  [[nodiscard]] RecordScan scan(const RecordQuery& query);

 private:
  UsageStore(std::filesystem::path directory, const Clock& clock, GatewayMetrics& metrics, Log log);
  Result<> open_ledger();
  Result<> bring_in_earlier(unsigned loops);
  Result<> bring_in(const std::string& loop, bool is_in_use);
  Result<> bring_in_v1(const std::filesystem::path& journal);
  Result<> copy_to_ledger(UsageJournal& journal);
  Result<std::vector<UsageRow>> persist_what_fits();
  Result<std::unique_ptr<UsageRecorder>> open_recorder(const std::string& loop);
  template <class T>
  Result<std::unique_ptr<T>> open_file(const std::filesystem::path& file);
  Result<> keep_ledger_aside(const Error& why);
  Result<> keep_aside(const std::filesystem::path& file, const Error& why);
  Result<> move_records();

  std::filesystem::path directory_;
  const Clock& clock_;
  GatewayMetrics& metrics_;
  Log log_;
  std::unique_ptr<UsageLedger> ledger_;
  std::unique_ptr<RecordLog> records_;
  std::vector<std::unique_ptr<UsageRecorder>> recorders_;
  std::vector<std::optional<std::uint64_t>> persisted_changes_;  // empty: not known
  /// Of an earlier run's loops, until the disk has room for their sums.
  std::vector<std::unique_ptr<UsageJournal>> left_over_;
  bool records_failing_ = false;
};

}  // namespace insula::gateway
