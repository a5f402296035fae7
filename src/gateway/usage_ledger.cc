#include "gateway/usage_ledger.h"

#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "gateway/usage_database.h"

namespace insula::gateway {
namespace {

constexpr int kBusyMs = 5000;
constexpr std::int64_t kHoursPerDay = 24;

// Sums that run over would become floating-point numbers, so they are made here and not by SQL.
const std::string& find_sql() {
  static const std::string sql = fmt::format(
      "SELECT {} FROM usage WHERE hour = ?1 AND tenant = ?2 AND uid = ?3 AND model = "
      "?4 AND key = ?5 AND currency = ?6 AND member = ?7",
      kCountColumns);
  return sql;
}

const std::string& put_sql() {
  static const std::string sql = fmt::format(
      "INSERT OR REPLACE INTO usage (hour, tenant, uid, model, key, currency, member, {}) VALUES "
      "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
      kCountColumns);
  return sql;
}

const std::string& note_sql() {
  static const std::string sql = fmt::format(
      "INSERT OR REPLACE INTO copied (use, {}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
      "?9, ?10, ?11, ?12)",
      kCountColumns);
  return sql;
}

std::string select_sql() {
  return fmt::format(
      "SELECT tenant, uid, hour, model, key, member, currency, {} FROM usage WHERE (?1 = '' OR "
      "tenant = "
      "?1) AND hour BETWEEN ?2 AND ?3",
      kCountColumns);
}

/// As parameters 1 to 7.
void bind_key(Statement& statement, const UsageKey& key) {
  statement.bind(1, key.hour);
  statement.bind(2, key.tenant);
  statement.bind(3, key.uid);
  statement.bind(4, key.model);
  statement.bind(5, key.key);
  statement.bind(6, key.currency);
  statement.bind(7, key.member);
}

/// What select() has found already.
bool is_selected(const UsageQuery& query, const UsageRow& row) {
  return (query.tenant.empty() || row.tenant == query.tenant) && row.hour >= query.from_hour &&
         row.hour <= query.to_hour;
}

bool is_wanted(const UsageQuery& query, const UsageRow& row) {
  if (query.uid && row.uid != *query.uid) return false;
  if (!query.present) return true;
  const auto found = query.present->find(row.tenant);
  return found != query.present->end() && found->second == row.uid;
}

/// Without what its sums are not kept apart by.
UsageRow reduced(UsageRow row, UsageBy by) {
  const bool by_model = by == UsageBy::kModel || by == UsageBy::kModelAndKey;
  const bool by_key = by == UsageBy::kKey || by == UsageBy::kModelAndKey;
  if (!by_model) row.model.clear();
  if (!by_key) row.key.clear();
  if (by != UsageBy::kMember) row.member.clear();
  if (by == UsageBy::kDay) {
    row.hour -= row.hour % kHoursPerDay;
  } else if (by != UsageBy::kHour) {
    row.hour = 0;
  }
  return row;
}

auto order_of(const UsageRow& row) {
  return std::tie(row.tenant, row.uid, row.hour, row.model, row.key, row.member, row.currency);
}

struct RowOrder {
  bool operator()(const UsageRow& a, const UsageRow& b) const { return order_of(a) < order_of(b); }
};

}  // namespace

UsageLedger::UsageLedger(sqlite3* database) : database_(database) {}

UsageLedger::~UsageLedger() {
  sqlite3_close_v2(database_);
}

Result<std::unique_ptr<UsageLedger>> UsageLedger::open(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  const int opened =
      sqlite3_open_v2(file.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<UsageLedger> ledger(new UsageLedger(database));
  if (opened != SQLITE_OK) return database_error(database, "open");
  INSULA_TRY_VOID(ledger->prepare());
  return ledger;
}

Result<> UsageLedger::prepare() {
  sqlite3_busy_timeout(database_, kBusyMs);
  INSULA_TRY_VOID(run_sql(database_, "PRAGMA locking_mode = EXCLUSIVE"));
  // A page cache of 2 MiB is the default; a few dozen pages do for sums of hours.
  INSULA_TRY_VOID(run_sql(database_, "PRAGMA cache_size = -256"));
  INSULA_TRY_VOID(make_usage_tables(database_));
  return load_copied();
}

Result<> UsageLedger::load_copied() {
  Statement statement(database_, fmt::format("SELECT use, {} FROM copied", kCountColumns));
  for (;;) {
    const int status = statement.step();
    if (status == SQLITE_DONE) return {};
    if (status != SQLITE_ROW) return database_error(database_, "read");
    copied_[static_cast<std::uint64_t>(statement.number(0))] = statement.counts(1);
  }
}

Result<> UsageLedger::copy_cell(const UsageJournal::Reading& reading) {
  UsageCounts sum = reading.counts.minus(copied_[reading.use]);
  if (sum == UsageCounts{}) return {};
  Statement find(database_, find_sql());
  bind_key(find, reading.key);
  const int found = find.step();
  if (found != SQLITE_ROW && found != SQLITE_DONE) return database_error(database_, "read");
  if (found == SQLITE_ROW) sum += find.counts(0);
  Statement put(database_, put_sql());
  bind_key(put, reading.key);
  put.bind(8, sum);
  Statement note(database_, note_sql());
  note.bind(1, static_cast<std::int64_t>(reading.use));
  note.bind(2, reading.counts);
  if (put.step() != SQLITE_DONE || note.step() != SQLITE_DONE)
    return database_error(database_, "write");
  return {};
}

Result<> UsageLedger::forget_cell(const UsageJournal::Reading& reading) {
  Statement statement(database_, "DELETE FROM copied WHERE use = ?1");
  statement.bind(1, static_cast<std::int64_t>(reading.use));
  if (statement.step() != SQLITE_DONE) return database_error(database_, "write");
  copied_.erase(reading.use);
  return {};
}

Result<> UsageLedger::bring_over(std::span<const UsageJournal::Reading> readings) {
  INSULA_TRY_VOID(run_sql(database_, "BEGIN IMMEDIATE"));
  for (const auto& reading : readings) {
    if (auto copied = copy_cell(reading); !copied) {
      static_cast<void>(run_sql(database_, "ROLLBACK"));
      return copied;
    }
  }
  if (auto committed = run_sql(database_, "COMMIT"); !committed) {
    static_cast<void>(run_sql(database_, "ROLLBACK"));
    return committed;
  }
  for (const auto& reading : readings)
    copied_[reading.use] = reading.counts;
  return {};
}

Result<> UsageLedger::forget(std::span<const UsageJournal::Reading> readings) {
  for (const auto& reading : readings)
    INSULA_TRY_VOID(forget_cell(reading));
  return {};
}

Result<> UsageLedger::copy(UsageJournal& journal, std::int64_t present_hour, Release release) {
  const std::vector<UsageJournal::Reading> readings = journal.read();
  INSULA_TRY_VOID(bring_over(readings));
  // Given back only after the commit, and forgotten only after it was given back: a kill between
  // leaves a row too many, never a sum that counts twice.
  for (const auto& reading : readings) {
    if (release == Release::kOldHours && reading.key.hour + 1 >= present_hour) continue;
    journal.release(reading);
    INSULA_TRY_VOID(forget_cell(reading));
  }
  return {};
}

/// The rows of a time and tenant as they are kept.
Result<> UsageLedger::select(const UsageQuery& query,
                             const std::function<Result<>(UsageRow)>& take) const {
  Statement statement(database_, select_sql());
  statement.bind(1, query.tenant);
  statement.bind(2, query.from_hour);
  statement.bind(3, query.to_hour);
  for (;;) {
    const int status = statement.step();
    if (status == SQLITE_DONE) return {};
    if (status != SQLITE_ROW) return database_error(database_, "read");
    INSULA_TRY_VOID(take({.tenant = statement.text(0),
                          .uid = statement.text(1),
                          .model = statement.text(3),
                          .key = statement.text(4),
                          .member = statement.text(5),
                          .currency = statement.text(6),
                          .hour = statement.number(2),
                          .counts = statement.counts(7)}));
  }
}

Result<> UsageLedger::for_each(std::int64_t from_hour,
                               const std::function<void(const UsageRow&)>& take) const {
  return select({.from_hour = from_hour}, [&](const UsageRow& row) -> Result<> {
    take(row);
    return {};
  });
}

std::vector<UsageRow> UsageLedger::lacking(const UsageJournal& journal) const {
  std::vector<UsageRow> rows;
  for (UsageJournal::Reading& reading : journal.read()) {
    const auto copied = copied_.find(reading.use);
    if (copied != copied_.end()) reading.counts = reading.counts.minus(copied->second);
    if (reading.counts == UsageCounts{}) continue;
    UsageKey& key = reading.key;
    rows.push_back({.tenant = std::move(key.tenant),
                    .uid = std::move(key.uid),
                    .model = std::move(key.model),
                    .key = std::move(key.key),
                    .member = std::move(key.member),
                    .currency = std::move(key.currency),
                    .hour = key.hour,
                    .counts = reading.counts});
  }
  return rows;
}

Result<std::vector<UsageRow>> UsageLedger::read(const UsageQuery& query,
                                                std::span<const UsageRow> beside) const {
  std::map<UsageRow, UsageCounts, RowOrder> groups;
  const auto add = [&](const UsageRow& row) -> Result<> {
    if (!is_wanted(query, row)) return {};
    groups[reduced(row, query.by)] += row.counts;
    if (groups.size() <= kRowsMax) return {};
    return fail(ErrorCode::kTooLarge,
                fmt::format("more than {} rows: ask for a shorter time, for one tenant, or by day",
                            kRowsMax));
  };
  INSULA_TRY_VOID(select(query, add));
  for (const UsageRow& row : beside) {
    if (is_selected(query, row)) INSULA_TRY_VOID(add(row));
  }
  std::vector<UsageRow> rows;
  rows.reserve(groups.size());
  for (const auto& [group, counts] : groups)
    rows.emplace_back(group).counts = counts;
  return rows;
}

Result<std::vector<std::string>> UsageLedger::uids_of(const std::string& tenant) const {
  Statement statement(database_, "SELECT DISTINCT uid FROM usage WHERE tenant = ?1 ORDER BY uid");
  statement.bind(1, tenant);
  std::vector<std::string> uids;
  for (;;) {
    const int status = statement.step();
    if (status == SQLITE_DONE) return uids;
    if (status != SQLITE_ROW) return database_error(database_, "read");
    uids.push_back(statement.text(0));
  }
}

}  // namespace insula::gateway
