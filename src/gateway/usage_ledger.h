#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "gateway/usage_journal.h"

struct sqlite3;

namespace insula::gateway {

/// What sums are kept apart by, beside tenants and currencies.
enum class UsageBy : std::uint8_t { kModelAndKey, kHour, kDay, kModel, kKey, kMember };

/// Sums of a tenant. What they are not kept apart by is empty.
struct UsageRow {
  std::string tenant;
  std::string uid;
  std::string model;
  std::string key;
  std::string member;
  std::string currency;
  std::int64_t hour = 0;  // hours since 1970; of a day, its first
  UsageCounts counts;
};

/// Which rows are asked for.
struct UsageQuery {
  std::string tenant;                // empty: all
  std::optional<std::string> uid;    // nothing: of every tenant of that name
  std::int64_t from_hour = 0;        // hours since 1970, first
  std::int64_t to_hour = INT64_MAX;  // and last
  UsageBy by = UsageBy::kModelAndKey;
  /// By name: tenants that are there now. Rows of others are left out; nothing: none are.
  std::optional<std::map<std::string, std::string, std::less<>>> present = std::nullopt;
};

/// The durable sums of usage, in SQLite: one row for each hour, tenant with its uid, model, key,
/// member and currency.
///
/// copy() brings over what journals have counted. How much of each cell was brought over is kept in
/// the same database and changed in the same transaction, so a request counts once however often
/// either process is killed. While it is open nobody else can read the database, and so it can be
/// opened and read on a full disk, too: SQLite then needs no file for what its users share.
///
/// Threads: one at a time. Every call may block on the disk.
class UsageLedger {
 public:
  /// Rows of one answer.
  static constexpr std::size_t kRowsMax = 100'000;

  /// Opens or creates the database, and converts one of an earlier format: rows of the first then
  /// have an empty uid, and of both an empty member. Errors: kInternal, also for one of a later
  /// format; kInsufficientStorage; kConflict when what is in the file is not a ledger, or broken.
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

  /// The same for cells of a file that nobody adds to: in one transaction, and as often as one
  /// likes until forget() is called for them, which is when the file is gone.
  Result<> bring_over(std::span<const UsageJournal::Reading> readings);
  Result<> forget(std::span<const UsageJournal::Reading> readings);

  /// Sums of `journal` that are not brought over: what the ledger lacks while the disk is full. One
  /// row for each cell.
  [[nodiscard]] std::vector<UsageRow> lacking(const UsageJournal& journal) const;

  /// Sums over the hours asked for, of what is in the ledger and `beside` it, ordered by tenant,
  /// uid and what they are kept apart by. Errors: as open(); kTooLarge for more than kRowsMax of
  /// them.
  [[nodiscard]] Result<std::vector<UsageRow>> read(const UsageQuery& query,
                                                   std::span<const UsageRow> beside = {}) const;

  /// Calls `take` for each row there is from this hour on, of one hour, model, key, member and
  /// currency. Errors: as open().
  [[nodiscard]] Result<> for_each(std::int64_t from_hour,
                                  const std::function<void(const UsageRow&)>& take) const;

  /// The uids under which a tenant of this name has sums.
  [[nodiscard]] Result<std::vector<std::string>> uids_of(const std::string& tenant) const;

 private:
  explicit UsageLedger(sqlite3* database);
  [[nodiscard]] Result<> select(const UsageQuery& query,
                                const std::function<Result<>(UsageRow)>& take) const;
  Result<> prepare();
  Result<> load_copied();
  Result<> copy_cell(const UsageJournal::Reading& reading);
  Result<> forget_cell(const UsageJournal::Reading& reading);

  sqlite3* database_;
  /// By use of a cell: what the database has of it. Mirrors the table `copied`.
  std::unordered_map<std::uint64_t, UsageCounts> copied_;
};

}  // namespace insula::gateway
