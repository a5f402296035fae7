#include <array>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/budget_options.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/gateway_keys.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/tokens.h"
#include "gateway/prices.h"
#include "json/value.h"

namespace insula::cli {
namespace {

// Longer ones would be in years that times cannot tell.
constexpr std::chrono::days kKeyLifetimeMax{36'500};
constexpr std::chrono::days kTokenLifetimeMax{3650};

Result<std::chrono::seconds> parse_time(const char* flag,
                                        const std::string& text,
                                        std::chrono::days most) {
  auto time = parse_duration(text);
  if (!time) return std::unexpected(std::move(time).error().in(flag));
  if (*time <= most) return time;
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: \"{}\" is more than {} days", flag, text, most.count()));
}

/// Of `--ttl`; nothing when it was not given.
Result<std::optional<std::chrono::seconds>> key_lifetime(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return parse_time("--ttl", text, kKeyLifetimeMax);
}

void print_key(const NewKey& key, const SessionOptions& session) {
  if (session.output == "table") {
    fmt::print("{}\n", key.text);
  } else {
    print(json::Object{{"tenant", key.tenant}, {"key", key.text}, {"url", key.url}},
          session.output);
  }
}

/// Waits for the gateway; one that does not come to know the key is no failure of the command.
Task<> tell_if_unknown(const SessionOptions& session, ExpectedKey expected) {
  const std::string id = expected.id;
  if (co_await wait_for_key(session_data_dir(session), std::move(expected))) co_return;
  fmt::print(stderr, "the gateway does not know of this change to key \"{}\" yet; insula status\n",
             id);
}

json::Object to_value(const KeyRow& row) {
  json::Object object{{"id", row.id},           {"tenant", row.tenant},   {"name", row.name},
                      {"created", row.created}, {"expires", row.expires}, {"models", row.models}};
  const auto set = [&](const char* member, std::optional<std::int64_t> limit) {
    if (limit) object.set(member, *limit);
  };
  set("requestsPerHour", row.limits.requests_per_hour);
  set("tokensPerMinute", row.limits.tokens_per_minute);
  set("concurrentRequests", row.limits.concurrent_requests);
  set("budgetTokensPerDay", row.limits.budget.tokens_per_day);
  set("budgetTokensPerMonth", row.limits.budget.tokens_per_month);
  const auto set_amount = [&](const char* member, std::optional<std::int64_t> nanos) {
    if (nanos) object.set(member, gateway::cost_text(*nanos));
  };
  set_amount("budgetSpendPerDay", row.limits.budget.spend_per_day);
  set_amount("budgetSpendPerMonth", row.limits.budget.spend_per_month);
  return object;
}

int create(std::span<const std::string> arguments) {
  KeyOrder order;
  std::string lifetime;
  SessionOptions session;
  Options options("key create",
                  "Makes an API key for a tenant and prints it: it is not shown again.");
  options.word("TENANT", order.tenant, "whose key")
      .text("--name", order.name, "what the key is for")
      .text_if_any("--ttl", lifetime,
                   "how long it is good, such as 24h or 90d; until revoked by default")
      .text_if_any("--models", order.models,
                   "models that it is for, such as small,large; all by default")
      .maybe_number("--requests-per-hour", order.limits.requests_per_hour,
                    "requests admitted in any hour; only the tenant's limit by default")
      .maybe_number("--tokens-per-minute", order.limits.tokens_per_minute,
                    "tokens of prompts and replies in any minute; likewise")
      .maybe_number("--concurrent-requests", order.limits.concurrent_requests,
                    "requests answered at one time; likewise");
  BudgetOptions budget;
  budget.declare(options);
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  const auto wanted = key_lifetime(lifetime);
  if (!wanted) return report("key create", wanted.error());
  order.lifetime = *wanted;
  const auto limited = budget.config();
  if (!limited) return report("key create", limited.error());
  order.limits.budget = *limited;
  return run_session("key create", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(const NewKey key,
                  co_await create_key(client, system_random(), system_clock(), order));
    co_await tell_if_unknown(session, {.id = key.id});
    print_key(key, session);
    co_return Result<>{};
  });
}

int rotate(std::span<const std::string> arguments) {
  std::string id;
  std::string overlap = "24h";
  std::string lifetime;
  SessionOptions session;
  Options options("key rotate",
                  "Makes a key like an old one and prints it; the old one stays good for a while.");
  options.word("ID", id, "the part between the underscores, as key list shows it")
      .text("--overlap", overlap, "how long the old key stays good, such as 1h; 24h by default")
      .text_if_any("--ttl", lifetime, "how long the new key is good; until revoked by default");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  const auto stays = parse_time("--overlap", overlap, kKeyLifetimeMax);
  if (!stays) return report("key rotate", stays.error());
  const auto wanted = key_lifetime(lifetime);
  if (!wanted) return report("key rotate", wanted.error());
  return run_session("key rotate", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(
        const RotatedKey rotated,
        co_await rotate_key(client, system_random(), system_clock(), {id, *stays, *wanted}));
    co_await tell_if_unknown(session, {.id = rotated.key.id});
    co_await tell_if_unknown(session, {.id = id, .expires = rotated.old_expires});
    print_key(rotated.key, session);
    co_return Result<>{};
  });
}

int list(std::span<const std::string> arguments) {
  std::string tenant;
  SessionOptions session;
  Options options("key list", "Lists API keys; their secret part is not kept.");
  options.maybe_word("TENANT", tenant, "only this tenant's");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  return run_session("key list", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(const auto rows, co_await list_keys(client, tenant));
    if (session.output == "table") {
      Table table({"ID", "TENANT", "NAME", "CREATED", "EXPIRES", "MODELS", "REQUESTS/H",
                   "TOKENS/MIN", "CONCURRENT"});
      for (const KeyRow& row : rows) {
        table.row(
            {row.id, row.tenant, row.name, row.created, row.expires.empty() ? "never" : row.expires,
             row.models.empty() ? "all" : row.models, number_cell(row.limits.requests_per_hour),
             number_cell(row.limits.tokens_per_minute),
             number_cell(row.limits.concurrent_requests)});
      }
      fmt::print("{}", table.text());
      co_return Result<>{};
    }
    json::Array items;
    for (const KeyRow& row : rows)
      items.emplace_back(to_value(row));
    print(items, session.output);
    co_return Result<>{};
  });
}

int revoke(std::span<const std::string> arguments) {
  std::string id;
  SessionOptions session;
  Options options("key revoke",
                  "Ends an API key; the gateway refuses new requests with it from then on.");
  options.word("ID", id, "the part between the underscores, as key list shows it");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  return run_session("key revoke", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY_VOID(co_await revoke_key(client, id));
    co_await tell_if_unknown(session, {.id = id, .revoked = true});
    fmt::print("key \"{}\" revoked\n", id);
    co_return Result<>{};
  });
}

int create_token_command(std::span<const std::string> arguments) {
  TokenOrder order;
  std::string lifetime = "24h";
  SessionOptions session;
  Options options("token create", "Makes a signed token (JWT) for a tenant and prints it.");
  options.word("TENANT", order.tenant, "whose token")
      .text("--subject", order.subject, "who it is for; written into the token")
      .text("--ttl", lifetime, "how long it is good, such as 90s, 30m, 24h or 30d");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  const auto seconds = parse_time("--ttl", lifetime, kTokenLifetimeMax);
  if (!seconds) return report("token create", seconds.error());
  order.lifetime = *seconds;
  return run_session("token create", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(const std::string token, co_await create_token(client, system_clock(), order));
    if (session.output == "table") {
      fmt::print("{}\n", token);
    } else {
      const json::Object answer{{"tenant", order.tenant}, {"token", token}};
      print(answer, session.output);
    }
    co_return Result<>{};
  });
}

constexpr std::array kKeyCommands = {
    Command{"create", "make an API key and print it", create},
    Command{"list", "list keys", list},
    Command{"rotate", "replace a key, with an overlap", rotate},
    Command{"revoke", "end a key", revoke},
};
constexpr std::array kTokenCommands = {
    Command{"create", "make a signed token and print it", create_token_command},
};

}  // namespace

int key(std::span<const std::string> arguments) {
  return dispatch("key", kKeyCommands, arguments);
}

int token(std::span<const std::string> arguments) {
  return dispatch("token", kTokenCommands, arguments);
}

}  // namespace insula::cli
