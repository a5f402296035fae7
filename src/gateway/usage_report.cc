#include "gateway/usage_report.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "api/time.h"
#include "gateway/csv.h"
#include "gateway/prices.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

constexpr double kMicrosPerSecond = 1e6;
constexpr std::int64_t kSecondsPerHour = 3600;
constexpr std::size_t kDateLength = 10;  // of 2026-11-26

constexpr std::array<std::pair<std::string_view, UsageBy>, 6> kGroupings = {
    {{"", UsageBy::kModelAndKey},
     {"hour", UsageBy::kHour},
     {"day", UsageBy::kDay},
     {"model", UsageBy::kModel},
     {"key", UsageBy::kKey},
     {"member", UsageBy::kMember}}};

double seconds(std::int64_t micros) {
  return static_cast<double>(micros) / kMicrosPerSecond;
}

/// The hour or day that a row is about; empty when it is about none.
std::string period_of(UsageBy by, const UsageRow& row) {
  std::string text = api::Time{row.hour * kSecondsPerHour}.text();
  if (by == UsageBy::kHour) return text;
  return by == UsageBy::kDay ? text.substr(0, kDateLength) : std::string();
}

json::Object to_object(const UsageTotal& total) {
  const UsageCounts& counts = total.counts;
  json::Array costs;
  for (const auto& [currency, cost] : total.costs)
    costs.emplace_back(json::Object{{"currency", currency}, {"amount", cost_text(cost)}});
  json::Object object{
      {"requests", counts.requests},
      {"failedRequests", counts.failed},
      {"promptTokens", counts.prompt_tokens},
      {"cachedTokens", counts.cached_tokens},
      {"completionTokens", counts.completion_tokens},
      {"reasoningTokens", counts.reasoning_tokens},
      {"totalTokens", saturating_sum(counts.prompt_tokens, counts.completion_tokens)},
      {"estimatedRequests", counts.estimated},
      {"durationSeconds", seconds(counts.duration_us)},
      {"meanFirstTokenSeconds", nullptr},
      {"costs", std::move(costs)}};
  if (counts.first_tokens > 0)
    object["meanFirstTokenSeconds"] =
        seconds(counts.first_token_us) / static_cast<double>(counts.first_tokens);
  return object;
}

void append(json::Object& object, const UsageTotal& total) {
  for (auto& [key, value] : to_object(total))
    object.set(key, std::move(value));
}

json::Value named(const std::map<std::string, UsageTotal>& groups) {
  json::Array array;
  for (const auto& [name, total] : groups) {
    json::Object object{{"name", name}};
    append(object, total);
    array.emplace_back(std::move(object));
  }
  return array;
}

json::Value tenants(const UsageAnswer& answer) {
  struct Tenant {
    UsageTotal total;
    std::map<std::string, UsageTotal> models;
    std::map<std::string, UsageTotal> keys;
  };

  std::map<std::pair<std::string, std::string>, Tenant> known;
  for (const UsageRow& row : answer.rows) {
    Tenant& tenant = known[{row.tenant, row.uid}];
    tenant.total.add(row);
    tenant.models[row.model].add(row);
    tenant.keys[row.key].add(row);
  }
  json::Array array;
  for (const auto& [who, tenant] : known) {
    json::Object object{{"tenant", who.first}, {"uid", who.second}};
    append(object, tenant.total);
    object.set("models", named(tenant.models));
    object.set("keys", named(tenant.keys));
    array.emplace_back(std::move(object));
  }
  return array;
}

/// Rows that differ in their currency only are one.
json::Value grouped(const UsageAnswer& answer) {
  std::map<std::array<std::string, 3>, UsageTotal> groups;
  for (const UsageRow& row : answer.rows) {
    const std::string period = period_of(answer.by, row);
    const std::string& what = answer.by == UsageBy::kModel    ? row.model
                              : answer.by == UsageBy::kKey    ? row.key
                              : answer.by == UsageBy::kMember ? row.member
                                                              : period;
    groups[{row.tenant, row.uid, what}].add(row);
  }
  json::Array array;
  for (const auto& [who, total] : groups) {
    json::Object object{{"tenant", who[0]}, {"uid", who[1]}};
    object.set(std::string(name_of(answer.by)), who[2]);
    append(object, total);
    array.emplace_back(std::move(object));
  }
  return array;
}

/// Tokens as numbers, money as a text.
json::Value to_value(const std::vector<BudgetRow>& budgets) {
  json::Array array;
  for (const BudgetRow& row : budgets) {
    const bool money = row.kind->unit == &Charge::spend;
    const auto amount = [&](std::int64_t of) {
      return money ? json::Value(cost_text(of)) : json::Value(of);
    };
    array.emplace_back(json::Object{{"tenant", row.tenant},
                                    {"scope", std::string(gateway::name_of(row.scope))},
                                    {"name", row.name},
                                    {"budget", std::string(row.kind->name)},
                                    {"limit", amount(row.limit)},
                                    {"used", amount(row.used)},
                                    {"reserved", amount(row.reserved)},
                                    {"currency", row.currency},
                                    {"resets", api::Time::from(row.resets).text()}});
  }
  return array;
}

}  // namespace

void UsageTotal::add(const UsageRow& row) {
  counts += row.counts;
  // Before there were prices nothing had a currency, nor a cost.
  if (!row.currency.empty())
    costs[row.currency] = saturating_sum(costs[row.currency], row.counts.cost);
}

std::string_view name_of(UsageBy by) {
  for (const auto& [name, grouping] : kGroupings) {
    if (grouping == by) return name;
  }
  return {};
}

Result<UsageBy> usage_by(std::string_view name) {
  for (const auto& [known, grouping] : kGroupings) {
    if (known == name) return grouping;
  }
  return fail(ErrorCode::kBadRequest, "by must be hour, day, model, key or member");
}

std::string usage_json(const UsageAnswer& answer) {
  UsageTotal total;
  for (const UsageRow& row : answer.rows)
    total.add(row);
  json::Object object;
  if (answer.by == UsageBy::kModelAndKey) {
    object.set("tenants", tenants(answer));
  } else {
    object.set("by", std::string(name_of(answer.by)));
    object.set("rows", grouped(answer));
  }
  object.set("total", to_object(total));
  object.set("formerTenants", answer.former);
  object.set("budgets", to_value(answer.budgets));
  return json::write(object);
}

std::string usage_csv(const UsageAnswer& answer) {
  std::string out =
      "tenant,uid,period,model,key,member,requests,failed_requests,prompt_tokens,cached_tokens,"
      "completion_tokens,reasoning_tokens,estimated_requests,duration_seconds,"
      "mean_first_token_seconds,cost,currency\r\n";
  for (const UsageRow& row : answer.rows) {
    const UsageCounts& counts = row.counts;
    CsvLine line(out);
    line.field(row.tenant)
        .field(row.uid)
        .field(period_of(answer.by, row))
        .field(row.model)
        .field(row.key)
        .field(row.member);
    for (const std::int64_t count :
         {counts.requests, counts.failed, counts.prompt_tokens, counts.cached_tokens,
          counts.completion_tokens, counts.reasoning_tokens, counts.estimated})
      line.field(std::to_string(count));
    const auto first_tokens = static_cast<double>(counts.first_tokens);
    line.field(fmt::format("{:.6f}", seconds(counts.duration_us)))
        .field(counts.first_tokens == 0
                   ? ""
                   : fmt::format("{:.6f}", seconds(counts.first_token_us) / first_tokens))
        .field(cost_text(counts.cost))
        .field(row.currency);
    line.end();
  }
  return out;
}

}  // namespace insula::gateway
