#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "gateway/usage_counts.h"

struct sqlite3;
struct sqlite3_stmt;

namespace insula::gateway {

/// The error that SQLite has just met. kConflict: the file is no database, or broken.
[[nodiscard]] std::unexpected<Error> database_error(sqlite3* database, std::string_view what);

/// Errors: see database_error().
[[nodiscard]] Result<> run_sql(sqlite3* database, const char* sql);

/// Makes the tables of the usage ledger, or converts those of an earlier format, in one
/// transaction. Errors: see database_error(); kInternal for a later format.
[[nodiscard]] Result<> make_usage_tables(sqlite3* database);

/// A prepared statement; finalised when it goes.
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  void bind(int at, std::int64_t value);
  void bind(int at, const std::string& text);
  /// As so many parameters from `from` on.
  void bind(int from, const UsageCounts& counts);

  /// SQLITE_ROW, SQLITE_DONE or what went wrong.
  [[nodiscard]] int step();

  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] UsageCounts counts(int from) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
};

/// The names of the columns of UsageCounts, with commas between them.
inline constexpr std::string_view kCountColumns =
    "requests, failed, prompt_tokens, completion_tokens, estimated, cached_tokens, "
    "reasoning_tokens, duration_us, first_token_us, first_tokens, cost";

}  // namespace insula::gateway
