#include "cli/tokens.h"

#include <charconv>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/platform_objects.h"
#include "cli/keys.h"
#include "client/typed.h"
#include "gateway/jwt.h"
#include "jose/jws_key.h"

namespace insula::cli {

Task<Result<std::string>> create_token(client::Client& client,
                                       const Clock& clock,
                                       TokenOrder order) {
  // A token for nobody would be refused at the gateway only: say it here.
  INSULA_CO_TRY(const api::Tenant tenant,
                co_await client::get<api::Tenant>(client, "", order.tenant));
  INSULA_CO_TRY(const api::Secret issuer, co_await client::get<api::Secret>(
                                              client, api::kSystemNamespace, api::kTokenIssuer));
  const auto key = issuer.data.find(api::kPrivateKeyEntry);
  if (key == issuer.data.end()) {
    co_return fail(ErrorCode::kInternal,
                   fmt::format("Secret {}/{} has no {}", api::kSystemNamespace, api::kTokenIssuer,
                               api::kPrivateKeyEntry));
  }
  INSULA_CO_TRY(const jose::JwsSigner signer, jose::JwsSigner::from_private_pem(key->second));
  const gateway::TokenRequest request{
      .tenant = tenant.metadata.name,
      .tenant_uid = tenant.metadata.uid,
      .subject = order.subject.empty() ? tenant.metadata.name : order.subject,
      .lifetime = order.lifetime};
  co_return gateway::mint_token(signer, request, clock.wall());
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  long count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(parsed.ptr, text.data() + text.size());
  constexpr long kCountMax = 1'000'000'000;
  if (parsed.ec == std::errc() && count > 0 && count <= kCountMax) {
    if (unit == "s") return std::chrono::seconds(count);
    if (unit == "m") return std::chrono::minutes(count);
    if (unit == "h") return std::chrono::hours(count);
    if (unit == "d") return std::chrono::days(count);
  }
  return fail(ErrorCode::kInvalid,
              fmt::format("\"{}\" is no duration such as 90s, 30m, 24h or 30d", text));
}

}  // namespace insula::cli
