#include "gateway/usage_dump.h"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "gateway/metrics.h"
#include "gateway/usage_store.h"
#include "json/parse.h"
#include "json/write.h"
#include "telemetry/metrics.h"

namespace insula::gateway {
namespace {

constexpr std::int64_t kFormat = 1;

/// As kUsageCountMembers has them.
constexpr std::array<const char*, kUsageCountMembers.size()> kCounts = {
    "requests",     "failed",          "promptTokens", "completionTokens", "estimated",
    "cachedTokens", "reasoningTokens", "durationUs",   "firstTokenUs",     "firstTokens",
    "cost"};

constexpr std::array<std::pair<const char*, std::string UsageRow::*>, 6> kTexts = {{
    {"tenant", &UsageRow::tenant},
    {"uid", &UsageRow::uid},
    {"model", &UsageRow::model},
    {"key", &UsageRow::key},
    {"member", &UsageRow::member},
    {"currency", &UsageRow::currency},
}};

std::string line(const UsageRow& row) {
  json::Object object{{"hour", row.hour}};
  for (const auto& [name, member] : kTexts)
    object[name] = row.*member;
  for (std::size_t i = 0; i < kCounts.size(); ++i)
    object[kCounts[i]] = row.counts.*kUsageCountMembers[i];
  return json::write(object) + '\n';
}

std::optional<UsageRow> row_of(const json::Value& object) {
  UsageRow row;
  const auto hour = object["hour"].as_int64();
  if (!hour) return std::nullopt;
  row.hour = *hour;
  for (const auto& [name, member] : kTexts) {
    const std::string* text = object[name].as_string();
    if (text == nullptr) return std::nullopt;
    row.*member = *text;
  }
  for (std::size_t i = 0; i < kCounts.size(); ++i) {
    const auto count = object[kCounts[i]].as_int64();
    if (!count) return std::nullopt;
    row.counts.*kUsageCountMembers[i] = *count;
  }
  return row;
}

}  // namespace

std::string write_usage_dump(std::span<const UsageRow> rows) {
  std::string text = json::write(json::Object{{"format", kFormat}}) + '\n';
  for (const UsageRow& row : rows)
    text += line(row);
  return text + json::write(json::Object{{"count", rows.size()}}) + '\n';
}

Result<std::vector<UsageRow>> read_usage_dump(std::string_view text) {
  std::vector<UsageRow> rows;
  std::size_t number = 0;
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::kInvalid, fmt::format("line {} of the usage: {}", number, what));
  };
  std::optional<std::int64_t> count;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const auto object = json::parse(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!object || object->as_object() == nullptr) return wrong("not a JSON object");
    if (count) return wrong("something after the end");
    if (number == 1) {
      if ((*object)["format"].as_int64() != kFormat) return wrong("not the beginning of a dump");
      continue;
    }
    count = (*object)["count"].as_int64();
    if (count) continue;
    auto row = row_of(*object);
    if (!row) return wrong("not a sum with its tenant and hour");
    rows.push_back(*std::move(row));
  }
  ++number;
  if (!count) return wrong("the end is missing");
  if (std::cmp_not_equal(*count, rows.size()))
    return wrong(fmt::format("{} sums are there, not {}", rows.size(), *count));
  return rows;
}

Result<> restore_usage(std::span<const UsageRow> rows, const std::filesystem::path& directory) {
  std::vector<UsageJournal::Reading> readings;
  readings.reserve(rows.size());
  for (const UsageRow& row : rows) {
    readings.push_back({.use = readings.size() + 1,
                        .key = {.tenant = row.tenant,
                                .model = row.model,
                                .key = row.key,
                                .hour = row.hour,
                                .uid = row.uid,
                                .currency = row.currency,
                                .member = row.member},
                        .counts = row.counts});
  }
  INSULA_TRY(const auto ledger, UsageLedger::open(directory / kUsageLedgerFile));
  INSULA_TRY_VOID(ledger->bring_over(readings));
  return ledger->forget(readings);
}

Result<std::vector<UsageRow>> usage_at_rest(const std::filesystem::path& directory) {
  MetricsRegistry registry;
  GatewayMetrics metrics(registry);
  INSULA_TRY(const auto store, UsageStore::open(directory, {.loops = 1, .retention = {}},
                                                system_clock(), metrics, Log()));
  return store->sums();
}

}  // namespace insula::gateway
