#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "gateway/usage_journal.h"

struct sqlite3;

namespace insula::gateway {

/// What a tenant used, by model and key, over some hours.
struct UsageRow {
  std::string tenant;
  std::string model;
  std::string key;
  UsageCounts counts;
};

/// Which rows are asked for.
struct UsageQuery {
  std::string tenant;                // empty: all
  std::int64_t from_hour = 0;        // hours since 1970, first
  std::int64_t to_hour = INT64_MAX;  // and last
};

/// The durable sums of usage, in SQLite: one row for each hour, tenant, model and key.
///
/// copy() brings over what journals have counted. How much of each cell was brought over is kept in
/// the same database and changed in the same transaction, so a request counts once however often
/// either process is killed.
///
/// Threads: one at a time. Every call may block on the disk.
class UsageLedger {
 public:
  /// Opens or creates the database. Errors: kInternal; kInsufficientStorage; kConflict when what is
  /// in the file is not a ledger, or broken.
  static Result<std::unique_ptr<UsageLedger>> open(const std::filesystem::path& file);
  ~UsageLedger();
  UsageLedger(const UsageLedger&) = delete;
  UsageLedger& operator=(const UsageLedger&) = delete;

  /// Whether cells of hours that are over are given back to their journal. kAll: of every hour; for
  /// a journal that no loop adds to any more.
  enum class Release : std::uint8_t { kOldHours, kAll };

  /// Brings the sums of `journal` over in one transaction. Errors: as open(); then nothing was
  /// brought over, and the next call does it.
  Result<> copy(UsageJournal& journal, std::int64_t present_hour, Release release);

  /// Sums over the hours asked for, ordered by tenant, model and key.
  [[nodiscard]] Result<std::vector<UsageRow>> read(const UsageQuery& query) const;

 private:
  explicit UsageLedger(sqlite3* database);
  Result<> run(const char* sql) const;
  Result<> load_copied();
  Result<> copy_cell(const UsageJournal::Reading& reading);
  Result<> forget(const UsageJournal::Reading& reading);

  sqlite3* database_;
  /// By use of a cell: what the database has of it. Mirrors the table `copied`.
  std::unordered_map<std::uint64_t, UsageCounts> copied_;
};

/// The rows as JSON: totals, by model and by key of each tenant. What GET /usage answers.
[[nodiscard]] std::string usage_json(const std::vector<UsageRow>& rows);

}  // namespace insula::gateway
