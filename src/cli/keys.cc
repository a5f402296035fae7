#include "cli/keys.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/platform_objects.h"
#include "api/tenant.h"
#include "api/time.h"
#include "client/typed.h"
#include "gateway/api_key.h"
#include "gateway/platform_config.h"
#include "gateway/prices.h"
#include "jose/jws_key.h"

namespace insula::cli {
namespace {

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// Ids are part of object names, which are lower case.
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string secret_name(std::string_view id) {
  return fmt::format("key-{}", id);
}

std::unexpected<Error> no_key(std::string_view id) {
  return fail(ErrorCode::kNotFound, fmt::format("no key \"{}\"", id));
}

bool is_key_id(std::string_view id) {
  return !id.empty() && id.find_first_not_of(kBase36) == id.npos;
}

api::Time after(const Clock& clock, std::chrono::seconds time) {
  return {api::Time::from(clock.wall()).seconds + time.count()};
}

Result<> check_models(std::string_view models) {
  const bool empty_one = models.starts_with(',') || models.ends_with(',') || models.contains(",,");
  if (!empty_one && !models.contains(' ')) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("\"{}\" is no list of models such as small,large", models));
}

/// What the gateway holds the key to: one that cannot be read lets nothing through.
gateway::LimitConfig limits_of(const api::Secret& secret) {
  gateway::LimitConfig limits = gateway::key_config(secret).limits;
  for (auto* limit :
       {&limits.requests_per_hour, &limits.tokens_per_minute, &limits.concurrent_requests,
        &limits.budget.tokens_per_day, &limits.budget.tokens_per_month,
        &limits.budget.spend_per_day, &limits.budget.spend_per_month}) {
    if (*limit) *limit = std::max<std::int64_t>(**limit, 0);
  }
  return limits;
}

KeyRow row_of(const api::Secret& secret) {
  const auto value = [&](const char* key) {
    const auto found = secret.data.find(key);
    return found == secret.data.end() ? std::string() : found->second;
  };
  return {.id = secret.metadata.name.substr(secret_name("").size()),
          .tenant = value("tenant"),
          .name = value("name"),
          .created = value("created"),
          .expires = value(api::kApiKeyExpiresEntry),
          .models = value(api::kApiKeyModelsEntry),
          .limits = limits_of(secret)};
}

Result<> store_limit(api::Secret& secret,
                     const char* entry,
                     std::string_view flag,
                     std::optional<std::int64_t> limit,
                     std::int64_t most) {
  if (!limit) return {};
  if (*limit < 0 || *limit > most) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: {} is not between 0 and {}", flag, *limit, most));
  }
  secret.data[entry] = std::to_string(*limit);
  return {};
}

Result<> store_limits(api::Secret& secret, const gateway::LimitConfig& limits) {
  INSULA_TRY_VOID(store_limit(secret, api::kApiKeyRequestsPerHourEntry, "--requests-per-hour",
                              limits.requests_per_hour, api::kRequestsPerHourMax));
  INSULA_TRY_VOID(store_limit(secret, api::kApiKeyTokensPerMinuteEntry, "--tokens-per-minute",
                              limits.tokens_per_minute, api::kTokensPerMinuteMax));
  INSULA_TRY_VOID(store_limit(secret, api::kApiKeyConcurrentRequestsEntry, "--concurrent-requests",
                              limits.concurrent_requests, api::kConcurrentRequestsMax));
  const gateway::BudgetConfig& budget = limits.budget;
  INSULA_TRY_VOID(store_limit(secret, api::kApiKeyTokensPerDayEntry, "--budget-tokens-per-day",
                              budget.tokens_per_day, api::kBudgetTokensMax));
  INSULA_TRY_VOID(store_limit(secret, api::kApiKeyTokensPerMonthEntry, "--budget-tokens-per-month",
                              budget.tokens_per_month, api::kBudgetTokensMax));
  if (budget.spend_per_day)
    secret.data[api::kApiKeySpendPerDayEntry] = gateway::cost_text(*budget.spend_per_day);
  if (budget.spend_per_month)
    secret.data[api::kApiKeySpendPerMonthEntry] = gateway::cost_text(*budget.spend_per_month);
  return {};
}

}  // namespace

Task<Result<NewKey>> create_key(client::Client& client,
                                Random& random,
                                const Clock& clock,
                                KeyOrder order) {
  INSULA_CO_TRY_VOID(check_models(order.models));
  api::Secret stored;
  INSULA_CO_TRY_VOID(store_limits(stored, order.limits));
  INSULA_CO_TRY(const api::Tenant owner,
                co_await client::get<api::Tenant>(client, "", order.tenant));
  NewKey key;
  key.id = random_text(random, kBase36, gateway::kApiKeyIdLength);
  const std::string secret = random_text(random, kBase62, gateway::kApiKeySecretLength);
  key.text = fmt::format("{}{}_{}", gateway::kApiKeyPrefix, key.id, secret);
  key.tenant = order.tenant;
  key.url = owner.status.url;

  stored.metadata.name = secret_name(key.id);
  stored.metadata.namespace_ = api::kSystemNamespace;
  stored.metadata.labels[kTenantLabel] = order.tenant;
  // A key ends with its tenant.
  api::OwnerReference reference;
  reference.api_version = "insula.dev/v1alpha1";
  reference.kind = "Tenant";
  reference.name = owner.metadata.name;
  reference.uid = owner.metadata.uid;
  stored.metadata.owner_references.push_back(std::move(reference));
  stored.type = api::kApiKeyType;
  stored.data["hash"] = hex(jose::sha256(secret));
  stored.data["tenant"] = order.tenant;
  stored.data["prefix"] = fmt::format("{}{}", gateway::kApiKeyPrefix, key.id);
  stored.data["name"] = order.name;
  stored.data["created"] = api::Time::from(clock.wall()).text();
  if (order.lifetime) stored.data[api::kApiKeyExpiresEntry] = after(clock, *order.lifetime).text();
  if (!order.models.empty()) stored.data[api::kApiKeyModelsEntry] = order.models;
  INSULA_CO_TRY_VOID(co_await client::create(client, std::move(stored)));
  co_return key;
}

Task<Result<RotatedKey>> rotate_key(client::Client& client,
                                    Random& random,
                                    const Clock& clock,
                                    KeyRotation rotation) {
  const std::string id = std::move(rotation.id);
  if (!is_key_id(id)) co_return no_key(id);
  Result<api::Secret> old =
      co_await client::get<api::Secret>(client, api::kSystemNamespace, secret_name(id));
  if (!old && old.error().code() == ErrorCode::kNotFound) co_return no_key(id);
  if (!old) co_return std::unexpected(std::move(old).error());
  const KeyRow row = row_of(*old);
  INSULA_CO_TRY(NewKey key, co_await create_key(
                                client, random, clock,
                                {row.tenant, row.name, row.models, row.limits, rotation.lifetime}));
  const api::Time end = after(clock, rotation.overlap);
  const auto earlier = api::Time::parse(row.expires);
  const std::string expires = !earlier || *earlier > end ? end.text() : row.expires;
  old->data[api::kApiKeyExpiresEntry] = expires;
  if (auto changed = co_await client::update(client, *std::move(old)); !changed) {
    // Nobody has seen the new one.
    static_cast<void>(co_await revoke_key(client, key.id));
    co_return std::unexpected(std::move(changed).error());
  }
  co_return RotatedKey{std::move(key), expires};
}

Task<Result<std::vector<KeyRow>>> list_keys(client::Client& client, std::string tenant) {
  // No keys and no tenant are two answers.
  if (!tenant.empty()) INSULA_CO_TRY_VOID(co_await client::get<api::Tenant>(client, "", tenant));
  client::ListOptions options;
  options.field_selector = fmt::format("type={}", api::kApiKeyType);
  if (!tenant.empty()) options.label_selector = fmt::format("{}={}", kTenantLabel, tenant);
  INSULA_CO_TRY(const auto secrets, co_await client::list<api::Secret>(
                                        client, api::kSystemNamespace, std::move(options)));
  std::vector<KeyRow> rows;
  for (const api::Secret& secret : secrets.items) {
    if (secret.type != api::kApiKeyType || !secret.metadata.name.starts_with(secret_name("")))
      continue;
    rows.push_back(row_of(secret));
  }
  std::ranges::sort(rows, {}, &KeyRow::created);
  co_return rows;
}

Task<Result<>> revoke_key(client::Client& client, std::string id) {
  if (!is_key_id(id)) co_return no_key(id);
  auto removed =
      co_await client::remove<api::Secret>(client, api::kSystemNamespace, secret_name(id));
  if (!removed && removed.error().code() == ErrorCode::kNotFound) {
    co_return no_key(id);
  }
  co_return removed;
}

}  // namespace insula::cli
