#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "api/gen/insula_v1alpha1.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/gateway_admin.h"
#include "cli/location.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/time_range.h"
#include "cli/usage_output.h"
#include "client/http_client.h"
#include "client/kubeconfig.h"
#include "client/typed.h"
#include "json/parse.h"

namespace insula::cli {
namespace {

/// Requests that are shown when nobody says how many.
constexpr long kRecordsShown = 100;

/// What both commands can be told.
struct UsageOptions {
  std::string tenant;
  std::string uid;
  bool all = false;
  TimeRangeOptions time;
  std::string data_dir = default_data_dir();
  std::string output = "table";

  void declare(Options& options) {
    options
        .toggle("--all", all,
                "of former tenants too, and of a time before it was noted which tenant of a name "
                "it was")
        .text_if_any("--uid", uid, "of the tenant with this uid only, though it may be gone");
    time.declare(options);
    options.text("--data-dir", data_dir, "data directory of the platform");
  }

  [[nodiscard]] QueryParameters parameters() const {
    QueryParameters parameters{{"tenant", tenant}, {"all", all ? "true" : "false"}};
    if (!uid.empty()) parameters.emplace_back("uid", uid);
    return parameters;
  }

  /// Of present tenants there is one of each name.
  [[nodiscard]] bool one_tenant() const { return !tenant.empty() && !all && uid.empty(); }
};

/// Errors: kNotFound when there is no such tenant.
Task<Result<>> check_tenant(std::string data_dir, std::string tenant) {
  INSULA_CO_TRY(const auto config, client::load_kubeconfig(data_dir + "/kubeconfig"));
  INSULA_CO_TRY(const auto client, client::HttpClient::make(config));
  INSULA_CO_TRY_VOID(co_await client::get<api::Tenant>(*client, "", tenant));
  co_return Result<>{};
}

/// How many former tenants of the name have usage, as an addition to a sentence.
std::string former_hint(const json::Value& answer) {
  const std::int64_t former = answer["formerTenants"].as_int64().value_or(0);
  if (former == 0) return "";
  return fmt::format("usage of {} former {} of this name is shown with --all", former,
                     former == 1 ? "tenant" : "tenants");
}

/// That nothing was used is an answer about a tenant that there is, and none about another.
Task<Result<>> check_unused(UsageOptions asked, std::string hint) {
  auto known = co_await check_tenant(asked.data_dir, asked.tenant);
  if (known || hint.empty() || known.error().code() != ErrorCode::kNotFound) co_return known;
  co_return fail(ErrorCode::kNotFound, known.error().message() + "; " + hint);
}

bool is_empty(const json::Value& answer) {
  for (const char* part : {"tenants", "rows"}) {
    const json::Array* rows = answer[part].as_array();
    if (rows != nullptr) return rows->empty();
  }
  return true;
}

Task<Result<>> show_sums(UsageOptions asked, HourRange hours, std::string by) {
  QueryParameters parameters = asked.parameters();
  parameters.emplace_back("from", std::to_string(hours.from));
  parameters.emplace_back("to", std::to_string(hours.to));
  parameters.emplace_back("by", by);
  if (asked.output == "csv") parameters.emplace_back("form", "csv");
  INSULA_CO_TRY(const std::string text,
                co_await ask_gateway(asked.data_dir, "/usage", std::move(parameters)));
  if (asked.output == "csv") {
    fmt::print("{}", text);
    co_return Result<>{};
  }
  INSULA_CO_TRY(json::Value answer, json::parse(text));
  const std::string hint = former_hint(answer);
  if (asked.one_tenant() && is_empty(answer))
    INSULA_CO_TRY_VOID(co_await check_unused(asked, hint));
  if (asked.output == "table") {
    fmt::print("{}", usage_table(answer, asked.one_tenant() ? asked.tenant : ""));
    const std::string budgets = budget_table(answer, asked.one_tenant() ? asked.tenant : "");
    if (!budgets.empty()) fmt::print("\n{}", budgets);
    if (!hint.empty()) fmt::print(stderr, "{}\n", hint);
  } else if (asked.one_tenant() && by.empty()) {
    print(usage_of_one(answer, asked.tenant), asked.output);
  } else {
    print(answer, asked.output);
  }
  co_return Result<>{};
}

int sums(std::span<const std::string> arguments) {
  UsageOptions asked;
  std::string by;
  Options options(
      "usage",
      "Shows what tenants have used and what it costs: by default one tenant's by model "
      "and key, or all tenants'. insula usage records shows single requests.");
  options.maybe_word("TENANT", asked.tenant, "whose usage; everyone's by default");
  asked.declare(options);
  options
      .choice_if_any("--by", by, {"hour", "day", "model", "key", "member"},
                     "what sums are kept apart by (UTC)")
      .choice("-o,--output", asked.output, {"table", "json", "yaml", "csv"}, "form of the answer");
  if (const auto over = options.parse(arguments)) return *over;
  const auto hours = asked.time.hours(system_clock().wall());
  if (!hours) return report("usage", hours.error());
  return run_task("usage", [&] { return show_sums(asked, *hours, by); });
}

Task<Result<>> show_records(UsageOptions asked, QueryParameters parameters) {
  if (asked.output == "csv") {
    parameters.emplace_back("form", "csv");
    const auto pass_on = [](std::string_view piece) -> Result<> {
      fmt::print("{}", piece);
      return {};
    };
    co_return co_await ask_gateway(asked.data_dir, "/usage/records", parameters, pass_on);
  }
  if (asked.output == "json") {
    JsonLines lines([](std::string_view line, bool first) {
      fmt::print("{}{}", first ? "[\n" : ",\n", line);
      return Result<>{};
    });
    const auto take = [&](std::string_view piece) { return lines.feed(piece); };
    INSULA_CO_TRY_VOID(co_await ask_gateway(asked.data_dir, "/usage/records", parameters, take));
    fmt::print("{}\n", lines.seen() == 0 ? "[]" : "\n]");
    co_return Result<>{};
  }
  Table table = record_table();
  JsonLines lines([&](std::string_view line, bool) -> Result<> {
    INSULA_TRY(const json::Value record, json::parse(line));
    add_record(table, record);
    return {};
  });
  const auto take = [&](std::string_view piece) { return lines.feed(piece); };
  INSULA_CO_TRY_VOID(co_await ask_gateway(asked.data_dir, "/usage/records", parameters, take));
  if (lines.seen() == 0 && asked.one_tenant())
    INSULA_CO_TRY_VOID(co_await check_tenant(asked.data_dir, asked.tenant));
  fmt::print("{}", table.text());
  co_return Result<>{};
}

int records(std::span<const std::string> arguments) {
  UsageOptions asked;
  std::optional<long> limit;
  bool oldest_first = false;
  Options options(
      "usage records",
      "Shows a tenant's single requests, newest first: what each used, how long it took "
      "and how it ended.");
  options.word("TENANT", asked.tenant, "whose requests");
  asked.declare(options);
  options
      .maybe_number(
          "--limit", limit,
          fmt::format("at most so many; {} by default, with -o json or csv all", kRecordsShown))
      .toggle("--oldest-first", oldest_first, "in the order in which they ended")
      .choice("-o,--output", asked.output, {"table", "json", "csv"}, "form of the answer");
  if (const auto over = options.parse(arguments)) return *over;
  const auto range = asked.time.range(system_clock().wall());
  if (!range) return report("usage records", range.error());
  if (limit && *limit < 1) {
    return report("usage records",
                  Error(ErrorCode::kInvalid, fmt::format("--limit: {} is not 1 or more", *limit)));
  }
  if (asked.output == "table" && limit.value_or(0) > kRecordsTableMax) {
    return report(
        "usage records",
        Error(ErrorCode::kInvalid,
              fmt::format("--limit: a table has up to {} rows; -o json and -o csv have any "
                          "number",
                          kRecordsTableMax)));
  }
  if (!limit && asked.output == "table") limit = kRecordsShown;
  constexpr std::int64_t kMicros = 1'000'000;
  QueryParameters parameters = asked.parameters();
  parameters.emplace_back("from", std::to_string(range->from * kMicros));
  if (range->to <= INT64_MAX / kMicros)
    parameters.emplace_back("to", std::to_string(range->to * kMicros));
  if (limit) parameters.emplace_back("limit", std::to_string(*limit));
  parameters.emplace_back("order", oldest_first ? "oldest" : "newest");
  return run_task("usage records", [&] { return show_records(asked, parameters); });
}

}  // namespace

int usage(std::span<const std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "records") return records(arguments.subspan(1));
  return sums(arguments);
}

}  // namespace insula::cli
