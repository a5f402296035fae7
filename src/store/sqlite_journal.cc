#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/journal.h"

namespace insula::store {

namespace {

constexpr std::int64_t kFormat = 1;
/// Pages of 4 KiB in the WAL before it is folded into the database. Folding costs two more fsyncs,
/// so rarely; but a start after a crash reads the whole WAL.
constexpr int kCheckpointPages = 8000;
/// What the WAL may keep of the disk once it is folded in. One large transaction grows it far
/// beyond kCheckpointPages, and SQLite would keep the file at that size for ever.
constexpr std::uint64_t kWalBytesMax = 64U << 20U;

constexpr std::int64_t kRowPut = 0;
constexpr std::int64_t kRowDeleted = 1;

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

class SqliteJournal final : public Journal {
 public:
  SqliteJournal(std::string path, Database database)
      : path_(std::move(path)), database_(std::move(database)) {}

  Result<> prepare_database();
  Result<JournalState> load() override;
  Result<> commit(const JournalBatch& batch) override;

 private:
  [[nodiscard]] std::unexpected<Error> failure(std::string_view doing) const;
  Result<> execute(const char* sql);
  Result<Statement> statement(const char* sql);
  Result<> step(sqlite3_stmt* statement, std::string_view doing);
  Result<> write(const JournalBatch& batch);
  void shorten_wal();
  Result<> set_meta(std::string_view name, std::int64_t value);
  Result<std::optional<std::int64_t>> meta(std::string_view name);

  std::string path_;
  Database database_;
  Statement add_;
  Statement erase_;
  Statement set_meta_;
};

std::unexpected<Error> SqliteJournal::failure(std::string_view doing) const {
  const int code = sqlite3_errcode(database_.get());
  const std::string message =
      fmt::format("{} {}: {}", doing, path_, sqlite3_errmsg(database_.get()));
  if (code == SQLITE_FULL)
    return fail(ErrorCode::kInsufficientStorage, message + ": the disk is full");
  if (code == SQLITE_BUSY)
    return fail(ErrorCode::kUnavailable, message + ": another process has it open");
  return fail(ErrorCode::kInternal, message);
}

Result<> SqliteJournal::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return failure(sql);
  return {};
}

Result<Statement> SqliteJournal::statement(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) !=
      SQLITE_OK)
    return failure("prepare for");
  return Statement(raw);
}

Result<> SqliteJournal::step(sqlite3_stmt* statement, std::string_view doing) {
  const int code = sqlite3_step(statement);
  if (code != SQLITE_DONE && code != SQLITE_ROW) {
    auto error = failure(doing);
    sqlite3_reset(statement);
    return error;
  }
  sqlite3_reset(statement);
  return {};
}

Result<> SqliteJournal::prepare_database() {
  INSULA_TRY_VOID(execute("PRAGMA locking_mode=EXCLUSIVE"));
  INSULA_TRY_VOID(execute("PRAGMA journal_mode=WAL"));
  INSULA_TRY_VOID(execute("PRAGMA synchronous=FULL"));
  INSULA_TRY_VOID(execute("PRAGMA cache_size=-2000"));
  INSULA_TRY_VOID(execute(fmt::format("PRAGMA wal_autocheckpoint={}", kCheckpointPages).c_str()));
  INSULA_TRY_VOID(execute(fmt::format("PRAGMA journal_size_limit={}", kWalBytesMax).c_str()));
  // One transaction, so that a new database costs one fsync; an existing one is not written to.
  INSULA_TRY_VOID(execute(
      fmt::format("BEGIN IMMEDIATE;"
                  "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) "
                  "WITHOUT ROWID;"
                  "CREATE TABLE IF NOT EXISTS log(revision INTEGER PRIMARY KEY, key TEXT NOT NULL,"
                  " kind INTEGER NOT NULL, value BLOB NOT NULL);"
                  "INSERT OR IGNORE INTO meta(name, value) VALUES('format', {});"
                  "COMMIT",
                  kFormat)
          .c_str()));
  INSULA_TRY(add_, statement("INSERT INTO log(revision, key, kind, value) VALUES(?1, ?2, ?3, ?4)"));
  INSULA_TRY(erase_, statement("DELETE FROM log WHERE revision = ?1"));
  INSULA_TRY(set_meta_, statement("INSERT INTO meta(name, value) VALUES(?1, ?2)"
                                  " ON CONFLICT(name) DO UPDATE SET value = excluded.value"));
  INSULA_TRY(const auto format, meta("format"));
  if (!format || *format > kFormat) {
    return fail(ErrorCode::kInternal,
                fmt::format("{} has store format {}, written by a newer version; this one knows {}",
                            path_, format.value_or(0), kFormat));
  }
  return {};
}

Result<> SqliteJournal::set_meta(std::string_view name, std::int64_t value) {
  sqlite3_bind_text(set_meta_.get(), 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
  sqlite3_bind_int64(set_meta_.get(), 2, value);
  return step(set_meta_.get(), "write to");
}

Result<std::optional<std::int64_t>> SqliteJournal::meta(std::string_view name) {
  INSULA_TRY(const Statement query, statement("SELECT value FROM meta WHERE name = ?1"));
  sqlite3_bind_text(query.get(), 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
  const int code = sqlite3_step(query.get());
  if (code == SQLITE_DONE) return std::optional<std::int64_t>{};
  if (code != SQLITE_ROW) return failure("read");
  return std::optional<std::int64_t>(sqlite3_column_int64(query.get(), 0));
}

std::string column_bytes(sqlite3_stmt* row, int column) {
  const void* data = sqlite3_column_blob(row, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

Result<JournalState> SqliteJournal::load() {
  JournalState state;
  INSULA_TRY(const auto floor, meta("floor"));
  INSULA_TRY(const auto reserved, meta("reserved"));
  state.floor = floor.value_or(0);
  state.reserved = reserved.value_or(0);
  INSULA_TRY(const Statement rows,
             statement("SELECT revision, key, kind, value FROM log ORDER BY revision"));
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(rows.get())) == SQLITE_ROW) {
    auto entry = std::make_shared<Entry>();
    entry->revision = sqlite3_column_int64(rows.get(), 0);
    entry->key = column_bytes(rows.get(), 1);
    entry->deleted = sqlite3_column_int64(rows.get(), 2) == kRowDeleted;
    entry->value = column_bytes(rows.get(), 3);
    state.rows.push_back(std::move(entry));
  }
  if (code != SQLITE_DONE) return failure("read");
  return state;
}

Result<> SqliteJournal::write(const JournalBatch& batch) {
  for (const EntryPtr& entry : batch.add) {
    sqlite3_stmt* add = add_.get();
    sqlite3_bind_int64(add, 1, entry->revision);
    sqlite3_bind_text(add, 2, entry->key.data(), static_cast<int>(entry->key.size()),
                      SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, entry->deleted ? kRowDeleted : kRowPut);
    sqlite3_bind_blob64(add, 4, entry->value.data(), entry->value.size(), SQLITE_STATIC);
    INSULA_TRY_VOID(step(add, "write to"));
  }
  for (const Revision revision : batch.erase) {
    sqlite3_bind_int64(erase_.get(), 1, revision);
    INSULA_TRY_VOID(step(erase_.get(), "write to"));
  }
  if (batch.floor) INSULA_TRY_VOID(set_meta("floor", *batch.floor));
  if (batch.reserved) INSULA_TRY_VOID(set_meta("reserved", *batch.reserved));
  return {};
}

// The size limit takes effect with a later commit, which an idle platform may not see for days. The
// batch is durable already, so a failure here is the next checkpoint's to report.
void SqliteJournal::shorten_wal() {
  struct stat wal{};
  if (::stat((path_ + "-wal").c_str(), &wal) != 0) return;
  if (static_cast<std::uint64_t>(wal.st_size) <= kWalBytesMax) return;
  sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

Result<> SqliteJournal::commit(const JournalBatch& batch) {
  INSULA_TRY_VOID(execute("BEGIN IMMEDIATE"));
  Result<> outcome = write(batch);
  if (outcome) outcome = execute("COMMIT");
  // A full disk may have rolled the transaction back already; a second rollback then only says so.
  if (!outcome && sqlite3_get_autocommit(database_.get()) == 0)
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  if (outcome) shorten_wal();
  return outcome;
}

}  // namespace

Result<std::unique_ptr<Journal>> open_sqlite_journal(const std::string& path) {
  // Made here first, so that nobody else can read it: SQLite would follow the umask.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno("open " + path);
  ::close(fd);
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) {
    return fail(ErrorCode::kInternal,
                fmt::format("open {}: {}", path,
                            raw == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(raw)));
  }
  sqlite3_extended_result_codes(raw, 0);
  auto journal = std::make_unique<SqliteJournal>(path, std::move(database));
  INSULA_TRY_VOID(journal->prepare_database());
  return journal;
}

}  // namespace insula::store
