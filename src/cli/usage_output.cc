#include "cli/usage_output.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace insula::cli {
namespace {

using Cells = std::vector<std::string>;

std::string number(const json::Value& object, const char* key) {
  return std::to_string(object[key].as_int64().value_or(0));
}

/// Requests that name no model have none, and of old ones nobody knows the uid.
std::string or_dash(std::string_view text) {
  return std::string(text.empty() ? "-" : text);
}

/// `0.25 USD`; of several currencies each; `-` when nothing had a price.
std::string cost_cell(const json::Value& counts) {
  std::string text;
  const json::Array* costs = counts["costs"].as_array();
  if (costs == nullptr) return "-";
  for (const json::Value& cost : *costs) {
    text += fmt::format("{}{} {}", text.empty() ? "" : " + ", cost["amount"].text(),
                        cost["currency"].text());
  }
  return or_dash(text);
}

Cells header_behind(Cells names) {
  for (const char* name :
       {"REQUESTS", "FAILED", "PROMPT TOKENS", "CACHED", "COMPLETION TOKENS", "REASONING", "COST"})
    names.emplace_back(name);
  return names;
}

void add_counts(Table& table, Cells cells, const json::Value& counts) {
  for (const char* key : {"requests", "failedRequests", "promptTokens", "cachedTokens",
                          "completionTokens", "reasoningTokens"})
    cells.push_back(number(counts, key));
  cells.push_back(cost_cell(counts));
  table.row(std::move(cells));
}

json::Value unused(const std::string& tenant) {
  json::Object zeros{{"tenant", tenant}, {"uid", ""}};
  for (const char* count :
       {"requests", "failedRequests", "promptTokens", "cachedTokens", "completionTokens",
        "reasoningTokens", "totalTokens", "estimatedRequests", "durationSeconds"}) {
    zeros[count] = 0;
  }
  zeros["meanFirstTokenSeconds"] = nullptr;
  for (const char* list : {"costs", "models", "keys"})
    zeros[list] = json::Array();
  return zeros;
}

std::string table_of_one(const json::Value& usage) {
  Table table(header_behind({""}));
  add_counts(table, {"tenant " + std::string(usage["tenant"].text())}, usage);
  for (const char* part : {"models", "keys"}) {
    const json::Array* rows = usage[part].as_array();
    if (rows == nullptr) continue;
    const std::string word(part, std::string_view(part).size() - 1);
    for (const json::Value& row : *rows)
      add_counts(table, {fmt::format("  {} {}", word, or_dash(row["name"].text()))}, row);
  }
  return table.text();
}

const json::Array& rows_of(const json::Value& answer, const char* part) {
  static const json::Array none;
  const json::Array* rows = answer[part].as_array();
  return rows == nullptr ? none : *rows;
}

std::string table_of_tenants(const json::Value& answer) {
  const json::Array& rows = rows_of(answer, "tenants");
  Table table(header_behind({"TENANT", "UID"}));
  for (const json::Value& row : rows)
    add_counts(table, {std::string(row["tenant"].text()), or_dash(row["uid"].text())}, row);
  add_counts(table, {"total", ""}, answer["total"]);
  return table.text();
}

std::string table_by(const json::Value& answer, bool one) {
  const std::string by(answer["by"].text());
  std::string title = by;
  std::ranges::transform(title, title.begin(),
                         [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  Table table(header_behind(one ? Cells{title} : Cells{"TENANT", "UID", title}));
  for (const json::Value& row : rows_of(answer, "rows")) {
    std::string what = or_dash(row[by].text());
    add_counts(table,
               one ? Cells{what}
                   : Cells{std::string(row["tenant"].text()), or_dash(row["uid"].text()), what},
               row);
  }
  add_counts(table, one ? Cells{"total"} : Cells{"total", "", ""}, answer["total"]);
  return table.text();
}

std::string seconds_cell(const json::Value& seconds) {
  const auto value = seconds.as_double();
  return value ? fmt::format("{:.3f}", *value) : "-";
}

}  // namespace

std::string usage_table(const json::Value& answer, const std::string& tenant) {
  if (answer["rows"].is_array()) return table_by(answer, !tenant.empty());
  if (tenant.empty()) return table_of_tenants(answer);
  return table_of_one(usage_of_one(answer, tenant));
}

json::Value usage_of_one(const json::Value& answer, const std::string& tenant) {
  const json::Array& tenants = rows_of(answer, "tenants");
  json::Value usage = tenants.empty() ? unused(tenant) : tenants.front();
  if (json::Object* object = usage.as_object()) object->set("budgets", answer["budgets"]);
  return usage;
}

std::string budget_table(const json::Value& answer, const std::string& tenant) {
  const json::Array& budgets = rows_of(answer, "budgets");
  if (budgets.empty()) return "";
  const auto amount = [](const json::Value& value) {
    const auto tokens = value.as_int64();
    return tokens ? std::to_string(*tokens) : std::string(value.text());
  };
  Cells header = {"BUDGET", "USED", "RESERVED", "LIMIT", "CURRENCY", "RESETS"};
  header.insert(header.begin(), tenant.empty() ? "TENANT" : "OF");
  Table table(header);
  for (const json::Value& row : budgets) {
    const std::string of = fmt::format("{} {}", row["scope"].text(), or_dash(row["name"].text()));
    const std::string owner = row["name"].text().empty() ? std::string("tenant") : of;
    table.row({tenant.empty() ? std::string(row["tenant"].text()) : owner,
               std::string(row["budget"].text()), amount(row["used"]), amount(row["reserved"]),
               amount(row["limit"]), or_dash(row["currency"].text()),
               std::string(row["resets"].text())});
  }
  return table.text();
}

Table record_table() {
  return Table({"TIME", "REQUEST", "KEY", "MEMBER", "MODEL", "STATUS", "OUTCOME", "PROMPT",
                "CACHED", "COMPLETION", "REASONING", "FIRST TOKEN", "SECONDS", "COST"});
}

void add_record(Table& table, const json::Value& record) {
  // What was estimated is marked.
  const std::string mark = record["estimated"].as_bool().value_or(false) ? "~" : "";
  const std::string_view currency = record["currency"].text();
  table.row({std::string(record["time"].text()), std::string(record["requestId"].text()),
             std::string(record["key"].text()), or_dash(record["member"].text()),
             or_dash(record["model"].text()), number(record, "status"),
             std::string(record["outcome"].text()), mark + number(record, "promptTokens"),
             number(record, "cachedTokens"), mark + number(record, "completionTokens"),
             number(record, "reasoningTokens"), seconds_cell(record["firstTokenSeconds"]),
             seconds_cell(record["durationSeconds"]),
             currency.empty() ? "-" : fmt::format("{} {}", record["cost"].text(), currency)});
}

Result<> JsonLines::feed(std::string_view piece) {
  for (std::size_t end = piece.find('\n'); end != piece.npos; end = piece.find('\n')) {
    pending_.append(piece.substr(0, end));
    INSULA_TRY_VOID(line_(pending_, seen_++ == 0));
    pending_.clear();
    piece.remove_prefix(end + 1);
  }
  pending_.append(piece);
  return {};
}

}  // namespace insula::cli
