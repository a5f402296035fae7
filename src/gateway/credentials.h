#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/snapshot.h"
#include "gateway/token_cache.h"
#include "http/parser.h"

namespace insula::gateway {

/// Who a request is from, once that is proven.
struct Principal {
  /// What usage is counted under: the id of the API key, or kTokenKey. Valid as long as the
  /// snapshot.
  std::string_view key;
  /// What that API key opens; null for a token. Valid as long as the snapshot.
  const ApiKeyGrant* grant = nullptr;
  /// The subject of a token; empty for a key, and for a token without one.
  std::string member = {};
};

inline constexpr std::string_view kTokenKey = "token";

/// Checks the credentials in `head`: `Authorization: Bearer` with an API key or a token, or
/// `X-Api-Key` or `Api-Key` with an API key.
///
/// Errors: kUnauthenticated when there are none, several, or wrong ones; kForbidden when they are
/// good and another tenant's. Messages may be shown to the caller.
[[nodiscard]] Result<Principal> authenticate(const http::RequestHead& head,
                                             const Snapshot& snapshot,
                                             const Tenant& tenant,
                                             TokenCache& cache,
                                             WallTime now);

/// The tenant whose credential is in `head`: that of its API key, or that of a token of the
/// built-in issuer. Tokens of other issuers may be several tenants' and name none. Null when it is
/// not known; authenticate() says why. The key's secret is not looked at: that, too, is for
/// authenticate().
[[nodiscard]] const Tenant* find_tenant_of(const http::RequestHead& head,
                                           const Snapshot& snapshot,
                                           TokenCache& cache,
                                           WallTime now);

/// Whether a header has this name, which is in lower case, for a server that takes `_` for `-` (as
/// CGI and what came of it do).
[[nodiscard]] bool reads_as(std::string_view name, std::string_view lower);

/// True for headers that may carry a credential for the gateway; upstreams never see them.
[[nodiscard]] bool is_credential(const http::Field& field);

}  // namespace insula::gateway
