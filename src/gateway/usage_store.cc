#include "gateway/usage_store.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"
#include "gateway/usage_journal_v1.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kFilePrefix = "usage-";
constexpr std::string_view kJournalExtension = ".journal";
constexpr std::string_view kRunningExtension = ".running";
constexpr std::string_view kRingExtension = ".ring";
constexpr const char* kDamagedSuffix = ".damaged";

std::int64_t hour_of(WallTime now) {
  return std::chrono::floor<std::chrono::hours>(now.time_since_epoch()).count();
}

/// `3` of usage-3.journal; empty for what is no file of a loop.
std::string loop_of(const std::filesystem::path& file) {
  const std::string extension = file.extension();
  const std::string stem = file.stem();
  const bool ours = extension == kJournalExtension || extension == kRunningExtension ||
                    extension == kRingExtension;
  return ours && stem.starts_with(kFilePrefix) ? stem.substr(kFilePrefix.size()) : std::string();
}

/// Where a damaged file is kept: `file`.damaged, or the first of `file`.damaged.2, .3 ... that is
/// free, so that what was kept before is not lost.
std::string damaged_name(const std::string& file) {
  const std::string first = file + kDamagedSuffix;
  std::string name = first;
  std::error_code ignored;
  for (int number = 2; std::filesystem::exists(name, ignored); ++number)
    name = fmt::format("{}.{}", first, number);
  return name;
}

std::filesystem::path file_of(const std::filesystem::path& directory,
                              const std::string& loop,
                              std::string_view extension) {
  return directory / fmt::format("{}{}{}", kFilePrefix, loop, extension);
}

}  // namespace

UsageStore::UsageStore(std::filesystem::path directory,
                       const Clock& clock,
                       GatewayMetrics& metrics,
                       Log log)
    : directory_(std::move(directory)), clock_(clock), metrics_(metrics), log_(std::move(log)) {}

Result<std::unique_ptr<UsageStore>> UsageStore::open(const std::filesystem::path& directory,
                                                     const UsageSettings& settings,
                                                     const Clock& clock,
                                                     GatewayMetrics& metrics,
                                                     const Log& log) {
  std::unique_ptr<UsageStore> store(new UsageStore(directory, clock, metrics, log));
  INSULA_TRY_VOID(store->open_ledger());
  INSULA_TRY(store->records_, RecordLog::open(directory / kUsageRecordsFolder, settings.retention,
                                              clock, metrics.damaged_files, log));
  INSULA_TRY_VOID(store->bring_in_earlier(settings.loops));
  for (unsigned i = 0; i < settings.loops; ++i) {
    INSULA_TRY(auto recorder, store->open_recorder(std::to_string(i)));
    store->recorders_.push_back(std::move(recorder));
    store->persisted_changes_.emplace_back();
  }
  return store;
}

/// Tenants must not go unserved for their bill, so what cannot be read makes room for a new file.
Result<> UsageStore::keep_aside(const std::filesystem::path& file, const Error& why) {
  const std::string aside = damaged_name(file);
  log_.error("damaged usage file kept aside", "file", aside, "err", why);
  metrics_.damaged_files.add();
  if (::rename(file.c_str(), aside.c_str()) != 0) return fail_errno("rename " + file.string());
  return {};
}

Result<> UsageStore::keep_ledger_aside(const Error& why) {
  const std::string file = directory_ / kUsageLedgerFile;
  const std::string aside = damaged_name(file);
  // SQLite's log belongs to the file that it is named after: a new one must not find it.
  for (const char* suffix : {"-wal", "-shm"})
    ::rename((file + suffix).c_str(), (aside + suffix).c_str());
  return keep_aside(file, why);
}

Result<> UsageStore::open_ledger() {
  auto opened = UsageLedger::open(directory_ / kUsageLedgerFile);
  if (!opened && opened.error().code() == ErrorCode::kConflict) {
    INSULA_TRY_VOID(keep_ledger_aside(opened.error()));
    opened = UsageLedger::open(directory_ / kUsageLedgerFile);
  }
  INSULA_TRY(ledger_, std::move(opened));
  return {};
}

template <class T>
Result<std::unique_ptr<T>> UsageStore::open_file(const std::filesystem::path& file) {
  auto opened = T::open(file);
  if (opened || opened.error().code() != ErrorCode::kConflict) return opened;
  INSULA_TRY_VOID(keep_aside(file, opened.error()));
  return T::open(file);
}

Result<std::unique_ptr<UsageRecorder>> UsageStore::open_recorder(const std::string& loop) {
  INSULA_TRY(auto journal, open_file<UsageJournal>(file_of(directory_, loop, kJournalExtension)));
  INSULA_TRY(auto table, open_file<InFlightTable>(file_of(directory_, loop, kRunningExtension)));
  INSULA_TRY(auto ring, open_file<RecordRing>(file_of(directory_, loop, kRingExtension)));
  records_->resume(*ring);
  return std::make_unique<UsageRecorder>(
      std::move(journal), std::move(table), std::move(ring),
      UsageLosses{metrics_.records_dropped, metrics_.requests_unnoted});
}

/// `loops` of them run from now on.
Result<> UsageStore::bring_in_earlier(unsigned loops) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (std::string loop = loop_of(entry.path()); !loop.empty()) found.insert(std::move(loop));
  }
  for (const std::string& loop : found) {
    const auto number = parse_whole<unsigned>(loop);
    INSULA_TRY_VOID(bring_in(loop, number && *number < loops));
  }
  return {};
}

Result<> UsageStore::bring_in_v1(const std::filesystem::path& journal) {
  const auto readings = read_journal_v1(journal);
  // Not one, or not there.
  if (!readings) return {};
  INSULA_TRY_VOID(ledger_->bring_over(*readings));
  std::error_code failed;
  std::filesystem::remove(journal, failed);
  if (failed) return fail_errno("remove " + journal.string(), failed.value());
  log_.info("usage of an earlier format brought in", "file", journal.string(), "sums",
            readings->size());
  return ledger_->forget(*readings);
}

Result<> UsageStore::bring_in(const std::string& loop, bool is_in_use) {
  INSULA_TRY_VOID(bring_in_v1(file_of(directory_, loop, kJournalExtension)));
  INSULA_TRY(const auto recorder, open_recorder(loop));
  RecordRing* const ring = &recorder->ring();
  const auto make_room = [&] { static_cast<void>(records_->write_from({&ring, 1})); };
  const std::size_t cut_off = recorder->recover(clock_.wall(), make_room);
  if (cut_off > 0) {
    log_.warn("requests cut off by the end of an earlier gateway billed", "requests", cut_off);
    metrics_.requests_cut_off.add(cut_off);
  }
  // Records may stay in their ring while the disk is full.
  if (const auto written = records_->write_from({&ring, 1}); !written)
    log_.error("usage records not written", "err", written.error());
  UsageJournal& journal = recorder->journal();
  auto copied = copy_to_ledger(journal);
  if (copied || copied.error().code() != ErrorCode::kInsufficientStorage) return copied;
  log_.error("usage sums stay in their journal until there is room", "file",
             journal.file().string(), "err", copied.error());
  if (is_in_use) return {};  // That loop opens it again.
  INSULA_TRY(auto left_over, UsageJournal::open(journal.file()));
  left_over_.push_back(std::move(left_over));
  return {};
}

Result<> UsageStore::copy_to_ledger(UsageJournal& journal) {
  const std::int64_t hour = hour_of(clock_.wall());
  auto copied = ledger_->copy(journal, hour, UsageLedger::Release::kAll);
  if (copied || copied.error().code() != ErrorCode::kConflict) return copied;
  // Damage further inside, which opening did not meet.
  ledger_.reset();
  INSULA_TRY_VOID(keep_ledger_aside(copied.error()));
  INSULA_TRY_VOID(open_ledger());
  return ledger_->copy(journal, hour, UsageLedger::Release::kAll);
}

Result<> UsageStore::persist() {
  const std::int64_t hour = hour_of(clock_.wall());
  for (; !left_over_.empty(); left_over_.pop_back())
    INSULA_TRY_VOID(ledger_->copy(*left_over_.back(), hour, UsageLedger::Release::kAll));
  for (std::size_t i = 0; i < recorders_.size(); ++i) {
    UsageJournal& journal = recorders_[i]->journal();
    const std::uint64_t changes = journal.changes();
    if (changes == persisted_changes_[i]) continue;
    INSULA_TRY_VOID(ledger_->copy(journal, hour, UsageLedger::Release::kOldHours));
    persisted_changes_[i] = changes;
  }
  return {};
}

/// Returns what stays in journals since the disk is full.
Result<std::vector<UsageRow>> UsageStore::persist_what_fits() {
  const auto persisted = persist();
  std::vector<UsageRow> rest;
  if (persisted) return rest;
  if (persisted.error().code() != ErrorCode::kInsufficientStorage)
    return std::unexpected(persisted.error());
  const auto add = [&](const UsageJournal& journal) {
    std::ranges::move(ledger_->lacking(journal), std::back_inserter(rest));
  };
  for (const auto& journal : left_over_)
    add(*journal);
  for (const auto& recorder : recorders_)
    add(recorder->journal());
  return rest;
}

Result<std::vector<UsageRow>> UsageStore::read(const UsageQuery& query) {
  INSULA_TRY(const auto rest, persist_what_fits());
  return ledger_->read(query, rest);
}

Result<std::vector<UsageRow>> UsageStore::sums() {
  INSULA_TRY(auto rows, persist_what_fits());
  INSULA_TRY_VOID(ledger_->for_each(0, [&](const UsageRow& row) { rows.push_back(row); }));
  return rows;
}

Result<UsedThisMonth> UsageStore::used_this_month(const std::string& currency) {
  INSULA_TRY(const auto rest, persist_what_fits());
  const WallTime now = clock_.wall();
  const std::int64_t first_hour = BudgetPeriods::first_hour_of_month(now);
  UsedThisMonth used(now, currency);
  INSULA_TRY_VOID(ledger_->for_each(first_hour, [&](const UsageRow& row) { used.add(row); }));
  for (const UsageRow& row : rest) {
    if (row.hour >= first_hour) used.add(row);
  }
  return used;
}

Result<std::size_t> UsageStore::tenants_beside(const std::string& tenant,
                                               const std::string* uid) const {
  INSULA_TRY(const auto uids, ledger_->uids_of(tenant));
  return static_cast<std::size_t>(std::ranges::count_if(
      uids, [&](const std::string& each) { return uid == nullptr || each != *uid; }));
}

Result<> UsageStore::move_records() {
  records_->remove_old();
  std::vector<RecordRing*> rings;
  for (const auto& recorder : recorders_) {
    recorder->reading();
    rings.push_back(&recorder->ring());
  }
  return records_->write_from(rings);
}

Result<> UsageStore::write_records() {
  auto moved = move_records();
  if (!moved && !std::exchange(records_failing_, true)) {
    log_.error("usage records not written: they are dropped when their ring is full; sums go on",
               "err", moved.error());
  }
  if (moved && std::exchange(records_failing_, false)) log_.info("usage records written again");
  return moved;
}

RecordScan UsageStore::scan(const RecordQuery& query) {
  static_cast<void>(write_records());
  return {records_->segments(), query};
}

}  // namespace insula::gateway
