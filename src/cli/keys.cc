#include "cli/keys.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/platform_objects.h"
#include "api/time.h"
#include "client/typed.h"
#include "gateway/api_key.h"
#include "gateway/jws_key.h"

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

}  // namespace

Task<Result<NewKey>> create_key(client::Client& client,
                                Random& random,
                                const Clock& clock,
                                std::string tenant,
                                std::string name) {
  INSULA_CO_TRY(const api::Tenant owner, co_await client::get<api::Tenant>(client, "", tenant));
  NewKey key;
  key.id = random_text(random, kBase36, gateway::kApiKeyIdLength);
  const std::string secret = random_text(random, kBase62, gateway::kApiKeySecretLength);
  key.text = fmt::format("{}{}_{}", gateway::kApiKeyPrefix, key.id, secret);
  key.url = owner.status.url;

  api::Secret stored;
  stored.metadata.name = secret_name(key.id);
  stored.metadata.namespace_ = api::kSystemNamespace;
  stored.metadata.labels[kTenantLabel] = tenant;
  // A key ends with its tenant.
  api::OwnerReference reference;
  reference.api_version = "insula.dev/v1alpha1";
  reference.kind = "Tenant";
  reference.name = owner.metadata.name;
  reference.uid = owner.metadata.uid;
  stored.metadata.owner_references.push_back(std::move(reference));
  stored.type = api::kApiKeyType;
  stored.data["hash"] = hex(gateway::sha256(secret));
  stored.data["tenant"] = tenant;
  stored.data["prefix"] = fmt::format("{}{}", gateway::kApiKeyPrefix, key.id);
  stored.data["name"] = name;
  stored.data["created"] = api::Time::from(clock.wall()).text();
  INSULA_CO_TRY_VOID(co_await client::create(client, std::move(stored)));
  co_return key;
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
    const auto value = [&](const char* key) {
      const auto found = secret.data.find(key);
      return found == secret.data.end() ? std::string() : found->second;
    };
    rows.push_back({.id = secret.metadata.name.substr(secret_name("").size()),
                    .tenant = value("tenant"),
                    .name = value("name"),
                    .created = value("created")});
  }
  std::ranges::sort(rows, {}, &KeyRow::created);
  co_return rows;
}

Task<Result<>> revoke_key(client::Client& client, std::string id) {
  auto removed =
      co_await client::remove<api::Secret>(client, api::kSystemNamespace, secret_name(id));
  if (!removed && removed.error().code() == ErrorCode::kNotFound) {
    co_return fail(ErrorCode::kNotFound, fmt::format("no key \"{}\"", id));
  }
  co_return removed;
}

}  // namespace insula::cli
