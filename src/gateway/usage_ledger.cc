#include "gateway/usage_ledger.h"

#include <array>
#include <map>
#include <utility>

#include <sqlite3.h>

#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

constexpr int kBusyMs = 5000;

constexpr const char* kSchema = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS usage (
    hour INTEGER, tenant TEXT, model TEXT, key TEXT,
    requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, estimated INTEGER,
    PRIMARY KEY (tenant, hour, model, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS copied (
    use INTEGER PRIMARY KEY,
    requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, estimated INTEGER);
)";

// Sums that run over would become floating-point numbers, so they are made here and not by SQL.
constexpr const char* kFind = R"(
  SELECT requests, failed, prompt_tokens, completion_tokens, estimated FROM usage
  WHERE hour = ?1 AND tenant = ?2 AND model = ?3 AND key = ?4)";

constexpr const char* kPut =
    "INSERT OR REPLACE INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

constexpr const char* kNote = "INSERT OR REPLACE INTO copied VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

constexpr const char* kSelect = R"(
  SELECT tenant, model, key, requests, failed, prompt_tokens, completion_tokens, estimated
  FROM usage WHERE (?1 = '' OR tenant = ?1) AND hour BETWEEN ?2 AND ?3
  ORDER BY tenant, model, key)";

ErrorCode code_of(int status) {
  switch (status) {
    case SQLITE_FULL:
      return ErrorCode::kInsufficientStorage;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kConflict;
    default:
      return ErrorCode::kInternal;
  }
}

std::unexpected<Error> broken(sqlite3* database, std::string_view what) {
  return fail(code_of(sqlite3_errcode(database)),
              std::string(what) + " the usage ledger: " + sqlite3_errmsg(database));
}

/// A prepared statement; finalised when it goes.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }

  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  ~Statement() { sqlite3_finalize(statement_); }

  void bind(int at, std::int64_t value) { sqlite3_bind_int64(statement_, at, value); }

  void bind(int at, const std::string& text) {
    sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }

  /// As parameters 1 to 4.
  void bind_key(const UsageKey& key) {
    bind(1, key.hour);
    bind(2, key.tenant);
    bind(3, key.model);
    bind(4, key.key);
  }

  void bind_counts(int from, const UsageCounts& counts) {
    bind(from, counts.requests);
    bind(from + 1, counts.failed);
    bind(from + 2, counts.prompt_tokens);
    bind(from + 3, counts.completion_tokens);
    bind(from + 4, counts.estimated);
  }

  [[nodiscard]] int step() { return sqlite3_step(statement_); }

  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }

  [[nodiscard]] std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

  [[nodiscard]] UsageCounts counts(int from) const {
    return {number(from), number(from + 1), number(from + 2), number(from + 3), number(from + 4)};
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

Result<std::vector<UsageRow>> select_rows(sqlite3* database, const UsageQuery& query) {
  Statement statement(database, kSelect);
  statement.bind(1, query.tenant);
  statement.bind(2, query.from_hour);
  statement.bind(3, query.to_hour);
  std::vector<UsageRow> rows;
  for (;;) {
    const int status = statement.step();
    if (status == SQLITE_DONE) return rows;
    if (status != SQLITE_ROW) return broken(database, "read");
    UsageRow row{statement.text(0), statement.text(1), statement.text(2), statement.counts(3)};
    const bool more = !rows.empty() && rows.back().tenant == row.tenant &&
                      rows.back().model == row.model && rows.back().key == row.key;
    if (more) {
      rows.back().counts += row.counts;
    } else {
      rows.push_back(std::move(row));
    }
  }
}

json::Object to_object(const UsageCounts& counts) {
  return {{"requests", counts.requests},
          {"failedRequests", counts.failed},
          {"promptTokens", counts.prompt_tokens},
          {"completionTokens", counts.completion_tokens},
          {"totalTokens", saturating_sum(counts.prompt_tokens, counts.completion_tokens)},
          {"estimatedRequests", counts.estimated}};
}

json::Value named_counts(const std::map<std::string, UsageCounts>& groups) {
  json::Array array;
  for (const auto& [name, counts] : groups) {
    json::Object object = {{"name", name}};
    for (auto& [key, value] : to_object(counts))
      object.set(key, value);
    array.emplace_back(std::move(object));
  }
  return array;
}

}  // namespace

UsageLedger::UsageLedger(sqlite3* database) : database_(database) {}

UsageLedger::~UsageLedger() {
  sqlite3_close_v2(database_);
}

Result<> UsageLedger::run(const char* sql) const {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return broken(database_, "write");
  return {};
}

Result<std::unique_ptr<UsageLedger>> UsageLedger::open(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  const int opened =
      sqlite3_open_v2(file.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<UsageLedger> ledger(new UsageLedger(database));
  if (opened != SQLITE_OK) return broken(database, "open");
  sqlite3_busy_timeout(database, kBusyMs);
  // A page cache of 2 MiB is the default; a few dozen pages do for sums of hours.
  INSULA_TRY_VOID(ledger->run("PRAGMA cache_size = -256"));
  INSULA_TRY_VOID(ledger->run(kSchema));
  INSULA_TRY_VOID(ledger->load_copied());
  return ledger;
}

Result<> UsageLedger::load_copied() {
  Statement statement(database_, "SELECT * FROM copied");
  for (;;) {
    const int status = statement.step();
    if (status == SQLITE_DONE) return {};
    if (status != SQLITE_ROW) return broken(database_, "read");
    copied_[static_cast<std::uint64_t>(statement.number(0))] = statement.counts(1);
  }
}

Result<> UsageLedger::copy_cell(const UsageJournal::Reading& reading) {
  UsageCounts sum = reading.counts.minus(copied_[reading.use]);
  if (sum == UsageCounts{}) return {};
  Statement find(database_, kFind);
  find.bind_key(reading.key);
  const int found = find.step();
  if (found != SQLITE_ROW && found != SQLITE_DONE) return broken(database_, "read");
  if (found == SQLITE_ROW) sum += find.counts(0);
  Statement put(database_, kPut);
  put.bind_key(reading.key);
  put.bind_counts(5, sum);
  Statement note(database_, kNote);
  note.bind(1, static_cast<std::int64_t>(reading.use));
  note.bind_counts(2, reading.counts);
  if (put.step() != SQLITE_DONE || note.step() != SQLITE_DONE) return broken(database_, "write");
  return {};
}

Result<> UsageLedger::forget(const UsageJournal::Reading& reading) {
  Statement statement(database_, "DELETE FROM copied WHERE use = ?1");
  statement.bind(1, static_cast<std::int64_t>(reading.use));
  if (statement.step() != SQLITE_DONE) return broken(database_, "write");
  copied_.erase(reading.use);
  return {};
}

Result<> UsageLedger::copy(UsageJournal& journal, std::int64_t present_hour, Release release) {
  const std::vector<UsageJournal::Reading> readings = journal.read();
  INSULA_TRY_VOID(run("BEGIN IMMEDIATE"));
  for (const auto& reading : readings) {
    if (auto copied = copy_cell(reading); !copied) {
      static_cast<void>(run("ROLLBACK"));
      return copied;
    }
  }
  if (auto committed = run("COMMIT"); !committed) {
    static_cast<void>(run("ROLLBACK"));
    return committed;
  }
  for (const auto& reading : readings)
    copied_[reading.use] = reading.counts;
  // Given back only after the commit, and forgotten only after it was given back: a kill between
  // leaves a row too many, never a sum that counts twice.
  for (const auto& reading : readings) {
    if (release == Release::kOldHours && reading.key.hour + 1 >= present_hour) continue;
    journal.release(reading);
    INSULA_TRY_VOID(forget(reading));
  }
  return {};
}

Result<std::vector<UsageRow>> UsageLedger::read(const UsageQuery& query) const {
  return select_rows(database_, query);
}

std::string usage_json(const std::vector<UsageRow>& rows) {
  struct Tenant {
    UsageCounts total;
    std::map<std::string, UsageCounts> models;
    std::map<std::string, UsageCounts> keys;
  };

  std::map<std::string, Tenant> tenants;
  for (const UsageRow& row : rows) {
    Tenant& tenant = tenants[row.tenant];
    tenant.total += row.counts;
    tenant.models[row.model] += row.counts;
    tenant.keys[row.key] += row.counts;
  }
  json::Array array;
  for (const auto& [name, tenant] : tenants) {
    json::Object object = {{"tenant", name}};
    for (auto& [key, value] : to_object(tenant.total))
      object.set(key, value);
    object.set("models", named_counts(tenant.models));
    object.set("keys", named_counts(tenant.keys));
    array.emplace_back(std::move(object));
  }
  return json::write(json::Object{{"tenants", std::move(array)}});
}

}  // namespace insula::gateway
