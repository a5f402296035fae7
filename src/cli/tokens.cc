#include "cli/tokens.h"

#include <chrono>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/go_duration.h"
#include "api/platform_objects.h"
#include "base/number.h"
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
  constexpr std::chrono::seconds kLongest = std::chrono::days(365'000);
  std::optional<std::chrono::seconds> length;
  if (text.ends_with('d')) {
    if (const auto count = parse_whole<std::int32_t>(text.substr(0, text.size() - 1)))
      length = std::chrono::days(*count);
  } else if (const auto parsed = api::parse_go_duration(text)) {
    length = std::chrono::floor<std::chrono::seconds>(*parsed);
  }
  if (length && *length > std::chrono::seconds(0) && *length <= kLongest) return *length;
  return fail(ErrorCode::kInvalid,
              fmt::format("\"{}\" is no duration such as 90s, 30m, 24h or 30d", text));
}

}  // namespace insula::cli
