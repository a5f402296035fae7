#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/output.h"
#include "json/value.h"

namespace insula::cli {

/// Rows of a table of requests: it is kept whole until its columns are known.
inline constexpr long kRecordsTableMax = 1000;

/// The gateway's answer about sums as a table with a line of totals. `tenant`: the only one that
/// was asked for; empty when there may be several.
[[nodiscard]] std::string usage_table(const json::Value& answer, const std::string& tenant);

/// The one tenant's part of an answer by tenants; zeros when it has not been used.
[[nodiscard]] json::Value usage_of_one(const json::Value& answer, const std::string& tenant);

/// The budgets of an answer of the gateway's, in a table; empty when there are none. `tenant`: as
/// usage_table().
[[nodiscard]] std::string budget_table(const json::Value& answer, const std::string& tenant);

/// A table of single requests, and one more row.
[[nodiscard]] Table record_table();
void add_record(Table& table, const json::Value& record);

/// Takes lines out of a text that arrives in pieces.
class JsonLines {
 public:
  /// `line` is called for each, without its end, and whether it is the first.
  using OnLine = std::function<Result<>(std::string_view line, bool first)>;

  explicit JsonLines(OnLine line) : line_(std::move(line)) {}

  /// Errors: those of the function.
  Result<> feed(std::string_view piece);

  [[nodiscard]] std::size_t seen() const { return seen_; }

 private:
  OnLine line_;
  std::string pending_;
  std::size_t seen_ = 0;
};

}  // namespace insula::cli
