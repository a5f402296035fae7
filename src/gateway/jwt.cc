#include "gateway/jwt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <simdjson.h>

#include "jose/base64url.h"
#include "jose/jws.h"
#include "jose/unique_object.h"

namespace insula::gateway {
namespace {

namespace dom = simdjson::dom;

constexpr std::chrono::seconds kLifetimeMax = std::chrono::hours(24 * 3653);
/// 9999-12-31T23:59:59Z; later dates would overflow the clock's nanoseconds.
constexpr std::int64_t kUnixSecondsMax = 253'402'300'799;

using jose::CompactJws;
using jose::JoseHeader;
using jose::SignatureCheck;

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::kUnauthenticated, std::move(why));
}

/// Of an issuer whose keys are fetched: the key may be newer than what is known.
std::unexpected<Error> refuse_and_ask(SignatureCheck signature,
                                      const JoseHeader& header,
                                      KeyDemand& demand) {
  demand.ask();
  std::string why = signature == SignatureCheck::kBad
                        ? "token's signature does not match any of its issuer's keys"
                    : header.key_id.empty() ? fmt::format("the token's issuer has no key for {}",
                                                          jose::name_of(header.algorithm))
                                            : "the token's kid is not that of a key of its issuer";
  why += demand.failing() ? "; they could not be fetched again, so ask who runs the issuer"
                          : "; if the key is new, try again in a few seconds";
  return refuse(std::move(why));
}

Result<> check_issuer(const CompactJws& jws, const JwtIssuer& issuer) {
  INSULA_TRY(const JoseHeader header, jose::read_header(jws.header));
  if (!issuer.keys_known) {
    issuer.demand->ask();
    return fail(ErrorCode::kUnavailable,
                "the keys of the token's issuer could not be fetched yet; try again soon");
  }
  const SignatureCheck signature = jose::check_signature(jws, header, issuer.keys);
  if (signature == SignatureCheck::kGood) return {};
  const bool key_known = signature == SignatureCheck::kBad && !header.key_id.empty();
  if (issuer.demand == nullptr || key_known) return jose::refusal(signature, header);
  return refuse_and_ask(signature, header, *issuer.demand);
}

Result<std::string> required_string(const dom::object& claims, std::string_view name) {
  std::string_view value;
  if (claims[name].get_string().get(value) != simdjson::SUCCESS || value.empty()) {
    return refuse(fmt::format("token has no claim {}", name));
  }
  return std::string(value);
}

Result<std::string> optional_string(const dom::object& claims, std::string_view name) {
  const auto member = claims[name];
  if (member.error() == simdjson::NO_SUCH_FIELD) return std::string();
  std::string_view value;
  if (member.get_string().get(value) != simdjson::SUCCESS) {
    return refuse(fmt::format("token's claim {} is not a string", name));
  }
  return std::string(value);
}

/// RFC 7519's NumericDate: seconds since 1970, whole or not.
Result<std::optional<WallTime>> date(const dom::object& claims, std::string_view name) {
  const auto member = claims[name];
  if (member.error() == simdjson::NO_SUCH_FIELD) return std::nullopt;
  double seconds = 0;
  if (!member.is_number() || member.get_double().get(seconds) != simdjson::SUCCESS) {
    return refuse(fmt::format("token's claim {} is not a number", name));
  }
  const double bounded = std::clamp(std::floor(seconds), 0.0, static_cast<double>(kUnixSecondsMax));
  // The clock counts nanoseconds, which end in 2262.
  const auto whole = std::chrono::seconds(static_cast<std::int64_t>(bounded));
  constexpr auto kLatest = std::chrono::duration_cast<std::chrono::seconds>(
      WallTime::max().time_since_epoch() - std::chrono::hours(24));
  return WallTime(std::min(whole, kLatest));
}

Result<> check_audience(const dom::object& claims, const std::vector<std::string>& accepted) {
  const auto matches = [&](std::string_view audience) {
    return std::ranges::find(accepted, audience) != accepted.end();
  };
  const auto member = claims["aud"];
  if (member.error() == simdjson::NO_SUCH_FIELD) return refuse("token has no claim aud");
  std::string_view single;
  if (member.get_string().get(single) == simdjson::SUCCESS) {
    if (matches(single)) return {};
    return refuse("token is for another audience");
  }
  dom::array several;
  if (member.get_array().get(several) != simdjson::SUCCESS) {
    return refuse("token's claim aud is neither a string nor a list of strings");
  }
  bool found = false;
  for (const dom::element element : several) {
    std::string_view audience;
    if (element.get_string().get(audience) != simdjson::SUCCESS) {
      return refuse("token's claim aud is neither a string nor a list of strings");
    }
    found = found || matches(audience);
  }
  if (!found) return refuse("token is for another audience");
  return {};
}

Result<WallTime> check_times(const dom::object& claims, WallTime now) {
  INSULA_TRY(const auto expires, date(claims, "exp"));
  INSULA_TRY(const auto not_before, date(claims, "nbf"));
  if (!expires) return refuse("token has no claim exp");
  if (now >= *expires + kTokenLeeway) return refuse("token has expired");
  if (not_before && now + kTokenLeeway < *not_before) return refuse("token is not valid yet");
  return *expires;
}

/// A ServiceAccount's token speaks for the account as it was made, and for no later one of its
/// name.
Result<> check_account(const dom::object& claims,
                       const std::map<std::string, std::string>& accounts) {
  dom::object own;
  std::string_view name_space;
  std::string_view name;
  std::string_view uid;
  if (claims["kubernetes.io"].get_object().get(own) != simdjson::SUCCESS ||
      own["namespace"].get_string().get(name_space) != simdjson::SUCCESS ||
      own["serviceaccount"]["name"].get_string().get(name) != simdjson::SUCCESS ||
      own["serviceaccount"]["uid"].get_string().get(uid) != simdjson::SUCCESS) {
    return refuse("token names no ServiceAccount");
  }
  const auto found = accounts.find(fmt::format("{}/{}", name_space, name));
  if (found != accounts.end() && found->second == uid) return {};
  return refuse("token is not of a ServiceAccount that this tenant has now");
}

}  // namespace

Result<JwtClaims> verify_jwt(std::string_view token,
                             std::span<const JwtIssuer> issuers,
                             WallTime now) {
  INSULA_TRY(const auto jws, jose::split_compact(token));
  thread_local dom::parser parser;
  INSULA_TRY(const dom::object claims, jose::parse_object(parser, jws.payload, "payload"));
  INSULA_TRY(auto issuer, required_string(claims, "iss"));
  const auto known = std::ranges::find(issuers, issuer, &JwtIssuer::issuer);
  if (known == issuers.end()) return refuse("token is from an issuer that is not accepted here");
  // Nothing else of the payload is looked at before its signature is known to be good.
  INSULA_TRY_VOID(check_issuer(jws, *known));
  INSULA_TRY_VOID(check_audience(claims, known->audiences));
  INSULA_TRY(const WallTime expires, check_times(claims, now));
  if (known->accounts) INSULA_TRY_VOID(check_account(claims, *known->accounts));
  INSULA_TRY(auto subject, optional_string(claims, "sub"));
  INSULA_TRY(auto tenant, optional_string(claims, "tenant"));
  // Who has no claim may call whoever trusts the issuer; who is of no tenant, nobody.
  if (tenant.empty() && claims["tenant"].error() == simdjson::SUCCESS)
    return refuse("token's claim tenant is empty");
  INSULA_TRY(auto tenant_uid, optional_string(claims, "tenant_uid"));
  return JwtClaims{std::move(issuer), std::move(subject), std::move(tenant), std::move(tenant_uid),
                   expires};
}

namespace {

/// Names of tenants and subjects as a JSON string; control characters are refused before.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

Result<std::string> mint_token(const jose::JwsSigner& signer,
                               const TokenRequest& request,
                               WallTime now) {
  if (request.tenant.empty() || !is_printable(request.tenant) ||
      !is_printable(request.tenant_uid) || !is_printable(request.subject)) {
    return fail(ErrorCode::kInvalid, "a token needs a tenant, and names in printable ASCII");
  }
  if (request.lifetime < std::chrono::seconds(1) || request.lifetime > kLifetimeMax) {
    return fail(ErrorCode::kInvalid, "a token's lifetime is between one second and ten years");
  }
  const auto issued = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  const std::string header =
      fmt::format(R"({{"alg":"{}","typ":"JWT"}})", jose::name_of(signer.algorithm()));
  const std::string claims = fmt::format(
      R"({{"iss":"{}","aud":"{}","sub":{},"tenant":{},"tenant_uid":{},"iat":{},"exp":{}}})",
      kBuiltinIssuer, kBuiltinAudience, json_string(request.subject), json_string(request.tenant),
      json_string(request.tenant_uid), issued.count(), (issued + request.lifetime).count());
  std::string token = jose::base64url_encode(header) + '.' + jose::base64url_encode(claims);
  INSULA_TRY(const std::string signature, signer.sign(token));
  return token + '.' + jose::base64url_encode(signature);
}

}  // namespace insula::gateway
