#include "apiserver/token_claims.h"

#include <chrono>
#include <utility>

#include "apiserver/service_account.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kPrivate = "kubernetes.io";
constexpr std::size_t kClaimsBytesMax = 8192;
constexpr std::size_t kClaimsDepthMax = 8;
/// 2200-01-01: what the clock can count to, and then some.
constexpr std::int64_t kSecondsMax = 7'258'118'400;

std::unexpected<Error> refuse(const char* why) {
  return fail(ErrorCode::kUnauthenticated, why);
}

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

json::Object object_claim(const TokenObject& object) {
  return {{"name", object.name}, {"uid", object.uid}};
}

Result<std::string> text_of(const json::Value& claims, std::string_view name) {
  const std::string* text = claims[name].as_string();
  if (text == nullptr || text->empty()) return refuse("a claim is missing or no text");
  return *text;
}

Result<WallTime> time_of(const json::Value& claims, std::string_view name) {
  const auto seconds = claims[name].as_int64();
  if (!seconds || *seconds < 0 || *seconds > kSecondsMax)
    return refuse("a claim is missing or no time");
  return WallTime(std::chrono::seconds(*seconds));
}

Result<TokenObject> object_in(const json::Value& claims, std::string_view name) {
  TokenObject object;
  INSULA_TRY(object.name, text_of(claims[name], "name"));
  INSULA_TRY(object.uid, text_of(claims[name], "uid"));
  return object;
}

Result<std::optional<TokenObject>> optional_object(const json::Value& claims,
                                                   std::string_view name) {
  if (claims.find(name) == nullptr) return std::nullopt;
  INSULA_TRY(TokenObject object, object_in(claims, name));
  return object;
}

Result<std::vector<std::string>> audiences_of(const json::Value& claims) {
  const json::Array* list = claims["aud"].as_array();
  if (list == nullptr) return refuse("the token's audiences are no list");
  std::vector<std::string> audiences;
  for (const json::Value& entry : *list) {
    const std::string* text = entry.as_string();
    if (text == nullptr) return refuse("an audience of the token is no text");
    audiences.push_back(*text);
  }
  return audiences;
}

}  // namespace

std::string TokenClaims::subject() const {
  return ServiceAccountName{name_space, account.name}.user();
}

std::string write_claims(const TokenClaims& claims) {
  json::Object own{{"namespace", claims.name_space},
                   {"serviceaccount", object_claim(claims.account)}};
  if (claims.pod) own["pod"] = object_claim(*claims.pod);
  if (claims.secret) own["secret"] = object_claim(*claims.secret);
  if (claims.node) own["node"] = object_claim(*claims.node);
  json::Array audiences;
  for (const std::string& audience : claims.audiences)
    audiences.emplace_back(audience);
  json::Object out{{"aud", std::move(audiences)},
                   {"iat", seconds_of(claims.issued)},
                   {"iss", claims.issuer},
                   {"jti", claims.id},
                   {std::string(kPrivate), std::move(own)},
                   {"nbf", seconds_of(claims.not_before)},
                   {"sub", claims.subject()}};
  if (claims.expires) out["exp"] = seconds_of(*claims.expires);
  return json::write(out);
}

Result<TokenClaims> read_claims(std::string_view text) {
  std::vector<std::string> duplicates;
  const auto parsed = json::parse(
      text,
      {.bytes_max = kClaimsBytesMax, .depth_max = kClaimsDepthMax, .duplicates = &duplicates});
  if (!parsed || !duplicates.empty()) return refuse("the token's claims are not proper JSON");
  const json::Value& all = *parsed;
  const json::Value& own = all[kPrivate];
  TokenClaims claims;
  INSULA_TRY(claims.issuer, text_of(all, "iss"));
  INSULA_TRY(claims.audiences, audiences_of(all));
  INSULA_TRY(claims.id, text_of(all, "jti"));
  INSULA_TRY(claims.name_space, text_of(own, "namespace"));
  INSULA_TRY(claims.account, object_in(own, "serviceaccount"));
  INSULA_TRY(claims.pod, optional_object(own, "pod"));
  INSULA_TRY(claims.secret, optional_object(own, "secret"));
  INSULA_TRY(claims.node, optional_object(own, "node"));
  INSULA_TRY(claims.issued, time_of(all, "iat"));
  INSULA_TRY(claims.not_before, time_of(all, "nbf"));
  if (all.find("exp") != nullptr) {
    INSULA_TRY(claims.expires, time_of(all, "exp"));
  } else if (!claims.secret) {
    return refuse("the token has no end");
  }
  if (all["sub"].text() != claims.subject())
    return refuse("the token's subject is not its ServiceAccount");
  return claims;
}

}  // namespace insula::apiserver
