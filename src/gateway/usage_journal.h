#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/mapped_file.h"
#include "gateway/usage_counts.h"
#include "gateway/usage_record.h"

namespace insula::gateway {

/// Whose sums they are, and of which hour (hours since 1970).
struct UsageKey {
  std::string tenant;
  std::string model;
  std::string key;
  std::int64_t hour = 0;
  std::string uid = {};       // of the tenant's object; empty: not known
  std::string currency = {};  // of the cost
  std::string member = {};    // the subject of tokens; empty: of keys, and of what had none

  auto operator<=>(const UsageKey&) const = default;
};

/// Running sums of one event loop, in a memory-mapped file, so that a killed process loses none and
/// the request path never waits for a disk.
///
/// The file is a table of cells, one for each (tenant with its uid, model, key, member, currency,
/// hour). A cell has its sums twice and a counter that says which copy holds: an update writes the
/// other copy and then moves the counter on, so every kill leaves a cell that is right before or
/// after the update. Whoever wrote down which update comes next can tell afterwards whether it was
/// made. The ledger copies sums to the database and notes per cell how much of it was copied, in
/// one transaction: that is what makes a request count once.
///
/// A cell is given up for reuse once its hour is over and the ledger has copied it. A tenant that
/// names more than kModelsPerTenantMax models in an hour has the rest counted as kOtherModel. One
/// that has kCellsPerTenantMax cells, or comes when the table is full, has what is new counted in
/// one cell for kOtherModel, kOtherKey and kOtherMember; kCellsReserved are kept for those, so that
/// what some tenants do takes no other tenant off its bill. When even they are used up, entries go
/// to a cell of the file's own that no tenant has.
///
/// Threads: prepare() and commit() from one loop; read() and release() from the ledger's thread.
class UsageJournal {
 public:
  static constexpr std::size_t kCells = 16'384;
  static constexpr std::size_t kCellsReserved = 1024;
  static constexpr std::size_t kCellsPerTenantMax = 2048;
  static constexpr std::size_t kModelsPerTenantMax = 100;
  static constexpr std::string_view kOtherModel = "other";
  static constexpr std::string_view kOtherKey = "other";
  static constexpr std::string_view kOtherMember = "other";

  /// Opens the file, or creates it under another name until it is whole; converts one of the second
  /// format. Errors: fail_errno; kConflict when it is not a journal of this format.
  static Result<std::unique_ptr<UsageJournal>> open(const std::filesystem::path& file);
  ~UsageJournal();
  UsageJournal(const UsageJournal&) = delete;
  UsageJournal& operator=(const UsageJournal&) = delete;

  /// The next update of a cell. A file keeps it as it is.
  struct Update {
    std::uint64_t cell = 0;
    std::uint64_t use = 0;      // see Reading
    std::uint64_t version = 0;  // of the cell, once it is made
  };

  /// Finds or takes the cell that `record` is added to at `now`.
  [[nodiscard]] Update prepare(const UsageRecord& record, WallTime now);

  /// Adds the record. Requires: the update is what prepare() returned last.
  void commit(const Update& update, const UsageRecord& record);

  /// Of an update that an earlier process wrote down: whether it made it. kGone: this is not the
  /// file any more that it was to be made in.
  enum class Made : std::uint8_t { kNo, kYes, kGone };

  [[nodiscard]] Made find(const Update& update) const;

  /// A cell's sums since it was taken into use.
  struct Reading {
    std::size_t cell = 0;
    /// Differs for every use of a cell, over restarts as well.
    std::uint64_t use = 0;
    UsageKey key;
    UsageCounts counts;
  };

  /// All cells in use.
  [[nodiscard]] std::vector<Reading> read() const;

  /// Gives a cell up if its sums are still those of `reading`. Requires: its hour is long over, so
  /// that prepare() does not look for it any more.
  void release(const Reading& reading);

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

  /// Changes with every commit(); equal means that there is nothing new to read.
  [[nodiscard]] std::uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }

 private:
  struct Cell;
  struct CellV2;
  struct Header;

  UsageJournal(std::filesystem::path file, MappedFile mapped);
  static Result<std::unique_ptr<UsageJournal>> create(const std::filesystem::path& file);
  static Result<MappedFile> convert(const MappedFile& old, const std::filesystem::path& file);
  [[nodiscard]] Header& header() const;
  [[nodiscard]] std::span<Cell> cells() const;

  /// What a tenant has of the table in the present hour.
  struct Share {
    std::size_t cells = 0;
    std::unordered_set<std::string> models;
  };

  Cell& cell_of(const UsageSubject& subject, std::int64_t hour);
  Cell& others_of(UsageSubject subject, std::int64_t hour);
  Cell* known(const UsageSubject& subject);
  Cell* take(const UsageSubject& subject, std::int64_t hour, std::size_t reserved);
  Cell& nobodys(const UsageSubject& subject, std::int64_t hour);
  void forget_old_hours(std::int64_t hour);

  std::filesystem::path file_;
  MappedFile mapped_;
  // The loop's own view of the present hour: cells by key, and what each tenant has.
  std::unordered_map<std::string, Cell*> known_;
  std::unordered_map<std::string, Share> shares_;
  std::int64_t known_hour_ = -1;
  std::string scratch_;
  std::atomic<std::uint64_t> changes_{0};
};

}  // namespace insula::gateway
