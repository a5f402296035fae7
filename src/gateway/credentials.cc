#include "gateway/credentials.h"

#include <optional>

#include "http/scan.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kBearer = "bearer";

bool is_key_header(std::string_view name) {
  return http::token_is(name, "x-api-key") || http::token_is(name, "api-key");
}

std::unexpected<Error> refuse(std::string_view why) {
  return fail(ErrorCode::kUnauthenticated, std::string(why));
}

Result<std::string_view> bearer_of(std::string_view value) {
  const std::size_t space = value.find(' ');
  if (space == value.npos || !http::equals_ignoring_case(value.substr(0, space), kBearer)) {
    return refuse("the Authorization header must be `Bearer` and an API key or a token");
  }
  return http::trim(value.substr(space + 1));
}

struct Credential {
  std::string_view text;
  bool bearer = false;
};

/// The one credential in the headers.
Result<Credential> credential_of(const http::RequestHead& head) {
  std::optional<Credential> found;
  for (const http::Field& field : head.fields()) {
    const bool bearer = field.id == http::FieldId::kAuthorization;
    if (!bearer && (field.id != http::FieldId::kOther || !is_key_header(field.name))) continue;
    if (found) return refuse("several credentials were given; send one");
    if (bearer) {
      INSULA_TRY(const std::string_view text, bearer_of(field.value));
      found = {text, true};
    } else {
      found = {field.value, false};
    }
  }
  if (!found || found->text.empty())
    return refuse("no API key or token was given; send `Authorization: Bearer <key>`");
  return *found;
}

Result<Principal> check_key(const ApiKeyText& key,
                            const Snapshot& snapshot,
                            const Tenant& tenant,
                            WallTime now) {
  INSULA_TRY(const ApiKeyGrant* grant, snapshot.api_keys.verify(key, now));
  if (grant->tenant != tenant.name) {
    return fail(ErrorCode::kForbidden, "this API key does not belong to the tenant in the path");
  }
  return Principal{snapshot.api_keys.records().find(key.id)->first, grant};
}

Result<Principal> check_claims(const Result<JwtClaims>& claims, const Tenant& tenant) {
  if (!claims) return std::unexpected(claims.error());
  const bool builtin = claims->issuer == kBuiltinIssuer;
  if ((builtin || !claims->tenant.empty()) && claims->tenant != tenant.name) {
    return fail(ErrorCode::kForbidden, "this token does not belong to the tenant in the path");
  }
  if (builtin && claims->tenant_uid != tenant.uid)
    return refuse("the token is of an earlier tenant of this name; ask for a new one");
  return Principal{kTokenKey, nullptr, claims->subject};
}

}  // namespace

Result<Principal> authenticate(const http::RequestHead& head,
                               const Snapshot& snapshot,
                               const Tenant& tenant,
                               TokenCache& cache,
                               WallTime now) {
  INSULA_TRY(const Credential given, credential_of(head));
  const std::string_view credential = given.text;
  if (const auto key = parse_api_key(credential)) return check_key(*key, snapshot, tenant, now);
  if (credential.starts_with(kApiKeyPrefix)) return refuse("the API key is not valid");
  if (!given.bearer)
    return refuse("this header takes an API key; send a token as `Authorization: Bearer <token>`");
  const TokenCache::Scope scope{tenant.name, tenant.auth_scope};
  if (const Result<JwtClaims>* known = cache.find(scope, credential, now))
    return check_claims(*known, tenant);
  Result<JwtClaims> claims = verify_jwt(credential, tenant.issuers, now);
  const Result<Principal> principal = check_claims(claims, tenant);
  cache.put(scope, credential, std::move(claims), now);
  return principal;
}

const Tenant* find_tenant_of(const http::RequestHead& head,
                             const Snapshot& snapshot,
                             TokenCache& cache,
                             WallTime now) {
  const auto given = credential_of(head);
  if (!given) return nullptr;
  if (const auto key = parse_api_key(given->text)) {
    const auto& records = snapshot.api_keys.records();
    const auto record = records.find(key->id);
    return record == records.end() ? nullptr : snapshot.find(record->second.grant.tenant);
  }
  if (!given->bearer) return nullptr;
  const TokenCache::Scope scope{snapshot.nobody.name, snapshot.nobody.auth_scope};
  const auto tenant_of = [&](const Result<JwtClaims>& claims) {
    return claims ? snapshot.find(claims->tenant) : nullptr;
  };
  if (const Result<JwtClaims>* known = cache.find(scope, given->text, now))
    return tenant_of(*known);
  Result<JwtClaims> claims = verify_jwt(given->text, snapshot.nobody.issuers, now);
  const Tenant* tenant = tenant_of(claims);
  cache.put(scope, given->text, std::move(claims), now);
  return tenant;
}

bool reads_as(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((name[i] == '_' ? '-' : name[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

bool is_credential(const http::Field& field) {
  if (field.id == http::FieldId::kAuthorization || field.id == http::FieldId::kProxyAuthorization)
    return true;
  if (field.id != http::FieldId::kOther) return false;
  return reads_as(field.name, "x-api-key") || reads_as(field.name, "api-key") ||
         reads_as(field.name, "cookie") || reads_as(field.name, "proxy-authorization");
}

}  // namespace insula::gateway
