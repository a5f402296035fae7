#include "gateway/usage_database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace insula::gateway {
namespace {

/// PRAGMA user_version of the format that is written. 0: the first one, or an empty file.
constexpr std::int64_t kFormat = 3;

// One name for each of the columns that the first format had, and one for the others.
constexpr const char* kFirstCounts =
    "requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, estimated "
    "INTEGER";
constexpr const char* kLaterCounts[] = {"cached_tokens",  "reasoning_tokens", "duration_us",
                                        "first_token_us", "first_tokens",     "cost"};

std::string tables() {
  std::string counts = kFirstCounts;
  for (const char* name : kLaterCounts)
    counts += fmt::format(", {} INTEGER", name);
  return fmt::format(
      "CREATE TABLE usage (hour INTEGER, tenant TEXT, uid TEXT, model TEXT, key TEXT, currency "
      "TEXT, member TEXT, {0}, PRIMARY KEY (tenant, uid, hour, model, key, currency, member)) "
      "WITHOUT ROWID;"
      "CREATE TABLE copied (use INTEGER PRIMARY KEY, {0});",
      counts);
}

/// Of rows of the first format nobody knows which tenant of that name they are.
std::string conversion_of_first() {
  return "ALTER TABLE usage RENAME TO usage_1; ALTER TABLE copied RENAME TO copied_1;" + tables() +
         "INSERT INTO usage SELECT hour, tenant, '', model, key, '', '', requests, failed, "
         "prompt_tokens, completion_tokens, estimated, 0, 0, 0, 0, 0, 0 FROM usage_1;"
         "INSERT INTO copied SELECT use, requests, failed, prompt_tokens, completion_tokens, "
         "estimated, 0, 0, 0, 0, 0, 0 FROM copied_1;"
         "DROP TABLE usage_1; DROP TABLE copied_1;";
}

/// Those of the second format knew no members.
std::string conversion_of_second() {
  return "ALTER TABLE usage RENAME TO usage_2; ALTER TABLE copied RENAME TO copied_2;" + tables() +
         fmt::format(
             "INSERT INTO usage SELECT hour, tenant, uid, model, key, currency, '', {0} FROM "
             "usage_2;"
             "INSERT INTO copied SELECT use, {0} FROM copied_2;"
             "DROP TABLE usage_2; DROP TABLE copied_2;",
             kCountColumns);
}

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

Result<std::int64_t> number_of(sqlite3* database, const std::string& query) {
  Statement statement(database, query);
  if (statement.step() != SQLITE_ROW) return database_error(database, "read");
  return statement.number(0);
}

Result<> make_or_convert(sqlite3* database, std::int64_t format) {
  INSULA_TRY(const std::int64_t there,
             number_of(database, "SELECT count(*) FROM sqlite_master WHERE name = 'usage'"));
  const std::string sql = there == 0    ? tables()
                          : format == 0 ? conversion_of_first()
                                        : conversion_of_second();
  INSULA_TRY_VOID(run_sql(database, sql.c_str()));
  return run_sql(database, fmt::format("PRAGMA user_version = {}", kFormat).c_str());
}

}  // namespace

std::unexpected<Error> database_error(sqlite3* database, std::string_view what) {
  return fail(code_of(sqlite3_errcode(database)),
              std::string(what) + " the usage ledger: " + sqlite3_errmsg(database));
}

Result<> run_sql(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return database_error(database, "write");
  return {};
}

Result<> make_usage_tables(sqlite3* database) {
  INSULA_TRY_VOID(run_sql(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  INSULA_TRY(const std::int64_t format, number_of(database, "PRAGMA user_version"));
  if (format == kFormat) return {};
  if (format > kFormat) {
    return fail(ErrorCode::kInternal,
                fmt::format("the usage ledger has format {}, of a later version", format));
  }
  INSULA_TRY_VOID(run_sql(database, "BEGIN IMMEDIATE"));
  auto made = make_or_convert(database, format);
  if (made) made = run_sql(database, "COMMIT");
  if (!made) static_cast<void>(run_sql(database, "ROLLBACK"));
  return made;
}

Statement::Statement(sqlite3* database, const std::string& sql) {
  sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr);
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_, at, value);
}

void Statement::bind(int at, const std::string& text) {
  sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

void Statement::bind(int from, const UsageCounts& counts) {
  for (const auto member : kUsageCountMembers)
    bind(from++, counts.*member);
}

int Statement::step() {
  return sqlite3_step(statement_);
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

UsageCounts Statement::counts(int from) const {
  UsageCounts counts;
  for (const auto member : kUsageCountMembers)
    counts.*member = number(from++);
  return counts;
}

}  // namespace insula::gateway
