#include "apiserver/oidc_verifier.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "jose/jws.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

/// The issuer's clock may be ahead of ours.
constexpr std::chrono::minutes kNotBeforeLeeway{5};
/// 9999-12-31T23:59:59Z; later dates would overflow the clock.
constexpr double kUnixSecondsMax = 253'402'300'799;
constexpr std::size_t kGroupsMax = 1'000;

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::kUnauthenticated, "oidc: " + std::move(why));
}

std::unexpected<Error> refuse_token(std::string_view why) {
  return refuse(fmt::format("verify token: {}", why));
}

std::string time_text(WallTime time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S +0000 UTC}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(
                         std::chrono::time_point_cast<std::chrono::system_clock::duration>(time))));
}

/// The claims of a token that nobody has vouched for yet.
Result<json::Value> claims_of(const jose::CompactJws& jws) {
  std::vector<std::string> twice;
  auto claims = json::parse(jws.payload, {.duplicates = &twice});
  if (!claims || !claims->is_object() || !twice.empty())
    return refuse_token("oidc: failed to unmarshal claims");
  return claims;
}

/// RFC 7519's NumericDate. Errors when it is something else.
Result<std::optional<WallTime>> date(const json::Value& claims, std::string_view name) {
  const json::Value& value = claims[name];
  if (value.is_null()) return std::nullopt;
  const auto seconds = value.as_double();
  if (value.is_string() || !seconds)
    return refuse_token(fmt::format("oidc: failed to unmarshal claims: {} is no number", name));
  const double bounded = std::clamp(std::floor(*seconds), 0.0, kUnixSecondsMax);
  const auto whole = std::chrono::seconds(static_cast<std::int64_t>(bounded));
  // The clock counts nanoseconds, which end in 2262.
  constexpr auto kLatest = std::chrono::duration_cast<std::chrono::seconds>(
      WallTime::max().time_since_epoch() - std::chrono::hours(24));
  return WallTime(std::min(whole, kLatest));
}

/// A string, or a list of strings; nothing when it is neither.
std::optional<std::vector<std::string>> texts(const json::Value& value) {
  if (const std::string* text = value.as_string()) return std::vector{*text};
  const json::Array* items = value.as_array();
  if (items == nullptr || items->size() > kGroupsMax) return std::nullopt;
  std::vector<std::string> out;
  for (const json::Value& item : *items) {
    if (!item.is_string()) return std::nullopt;
    out.emplace_back(item.text());
  }
  return out;
}

Result<> check_audience(const json::Value& claims, const std::string& client_id) {
  const auto audiences = texts(claims["aud"]).value_or(std::vector<std::string>());
  if (std::ranges::find(audiences, client_id) != audiences.end()) return {};
  return refuse_token(fmt::format("oidc: expected audience \"{}\" got {}", client_id, audiences));
}

Result<std::string> username(const json::Value& claims, const OidcOptions& options) {
  const std::string& claim = options.username_claim;
  const json::Value& value = claims[claim];
  if (value.is_null())
    return refuse(fmt::format("parse username claims \"{}\": claim not present", claim));
  if (!value.is_string() || value.text().empty())
    return refuse(fmt::format("parse username claims \"{}\": no string, or empty", claim));
  if (claim == "email") {
    // An issuer that says nothing about it is taken to have verified it, as in Kubernetes.
    const json::Value& verified = claims["email_verified"];
    if (!verified.is_null() && !verified.as_bool())
      return refuse("parse 'email_verified' claim: not a boolean");
    if (!verified.as_bool().value_or(true)) return refuse("email not verified");
  }
  std::string name = options.username_prefix + std::string(value.text());
  if (name.starts_with("system:"))
    return refuse(
        fmt::format("username \"{}\": names that begin with system: are the server's own; "
                    "use --oidc-username-prefix",
                    name));
  return name;
}

/// Groups that give rights to the server's own parts and administrators.
bool is_reserved(std::string_view group) {
  return group.starts_with("system:") || group == "insula:gateway";
}

Result<std::vector<std::string>> groups(const json::Value& claims, const OidcOptions& options) {
  std::vector<std::string> out;
  if (options.groups_claim.empty()) return out;
  const json::Value& value = claims[options.groups_claim];
  if (value.is_null()) return out;
  auto named = texts(value);
  if (!named) {
    return refuse(fmt::format("parse groups claim \"{}\": must be a string or at most {} strings",
                              options.groups_claim, kGroupsMax));
  }
  for (const std::string& name : *named) {
    std::string group = options.groups_prefix + name;
    if (!group.empty() && !is_reserved(group)) out.push_back(std::move(group));
  }
  return out;
}

Result<> check_required(const json::Value& claims,
                        const std::map<std::string, std::string>& required) {
  for (const auto& [claim, wanted] : required) {
    const json::Value& value = claims[claim];
    if (value.is_null())
      return refuse(fmt::format("required claim {} not present in ID token", claim));
    if (!value.is_string()) return refuse(fmt::format("parse claim {}: not a string", claim));
    if (value.text() != wanted) {
      return refuse(fmt::format("required claim {} value does not match. Got = {}, want = {}",
                                claim, value.text(), wanted));
    }
  }
  return {};
}

}  // namespace

std::string oidc_username_prefix(const OidcOptions& options,
                                 const std::optional<std::string>& given) {
  if (given && *given == "-") return {};
  if (given && !given->empty()) return *given;
  return options.username_claim == "email" ? std::string() : options.issuer + "#";
}

OidcVerifier::OidcVerifier(OidcOptions options,
                           std::string server_audience,
                           TokenAuthenticator* others)
    : options_(std::move(options)), server_audience_(std::move(server_audience)), others_(others) {}

const OidcVerifier::Identity* OidcVerifier::remembered(const std::string& hash) const {
  for (const Generation* known : {&young_, &old_}) {
    if (const auto found = known->find(hash); found != known->end()) return &found->second;
  }
  return nullptr;
}

Result<TokenUser> OidcVerifier::verify(std::string_view token,
                                       std::span<const std::string> audiences,
                                       WallTime now) {
  if (token.size() > jose::kTokenBytesMax) return refuse_token("the token is too long");
  // What was good by other keys has to show that it still is.
  if (auto keys = options_.keys->keys(); keys != keys_) {
    keys_ = std::move(keys);
    young_.clear();
    old_.clear();
  }
  const std::string hash = jose::sha256(token);
  std::optional<Identity> identity;
  if (const Identity* known = remembered(hash)) {
    identity = *known;
  } else {
    const auto jws = jose::split_compact(token);
    const auto claims = jws ? claims_of(*jws) : Result<json::Value>(json::Value());
    const bool ours = claims && (*claims)["iss"].text() == options_.issuer;
    if (!ours && others_ != nullptr) return others_->verify(token, audiences, now);
    if (!ours) return refuse_token("oidc: id token issued by a different provider");
    INSULA_TRY(identity, identity_of(token, hash));
  }
  if (now >= identity->expires) {
    return refuse_token(
        fmt::format("oidc: token is expired (Token Expiry: {})", time_text(identity->expires)));
  }
  if (identity->not_before && now + kNotBeforeLeeway < *identity->not_before) {
    return refuse_token(fmt::format("oidc: current time {} before the nbf (not before) time: {}",
                                    time_text(now), time_text(*identity->not_before)));
  }
  if (!audiences.empty() && std::ranges::find(audiences, server_audience_) == audiences.end()) {
    return refuse(fmt::format("the token is for {} and for none of the audiences {}",
                              server_audience_,
                              std::vector<std::string>(audiences.begin(), audiences.end())));
  }
  return TokenUser{std::move(identity->user), {server_audience_}};
}

Result<OidcVerifier::Identity> OidcVerifier::identity_of(std::string_view token,
                                                         const std::string& hash) {
  INSULA_TRY(const jose::CompactJws jws, jose::split_compact(token));
  INSULA_TRY(const jose::JoseHeader header, jose::read_header(jws.header));
  if (!options_.algorithms.contains(header.algorithm)) {
    return refuse_token(
        fmt::format("oidc: id token signed with unsupported algorithm \"{}\"; see "
                    "--oidc-signing-algs",
                    jose::name_of(header.algorithm)));
  }
  if (keys_ == nullptr) {
    options_.keys->ask();
    return refuse(
        fmt::format("authenticator for issuer \"{}\" is not initialized", options_.issuer));
  }
  const jose::SignatureCheck signature = jose::check_signature(jws, header, keys_->keys);
  if (signature != jose::SignatureCheck::kGood) {
    // The key may be newer than those that are known, but not when it is one of them.
    if (signature == jose::SignatureCheck::kNoKey || header.key_id.empty()) options_.keys->ask();
    return refuse_token("failed to verify signature: failed to verify id token signature");
  }
  INSULA_TRY(const json::Value claims, claims_of(jws));
  INSULA_TRY_VOID(check_audience(claims, options_.client_id));
  INSULA_TRY(const auto expires, date(claims, "exp"));
  if (!expires) return refuse_token("oidc: token has no claim exp");
  Identity identity{.user = {}, .expires = *expires, .not_before = {}};
  INSULA_TRY(identity.not_before, date(claims, "nbf"));
  INSULA_TRY(identity.user.name, username(claims, options_));
  INSULA_TRY(identity.user.groups, groups(claims, options_));
  INSULA_TRY_VOID(check_required(claims, options_.required_claims));
  identity.user.groups.emplace_back(kAuthenticated);
  if (const std::string_view id = claims["jti"].text(); !id.empty())
    identity.user.extra[kCredentialId] = {fmt::format("JTI={}", id)};
  if (young_.size() == kGenerationMax) old_ = std::exchange(young_, {});
  young_.emplace(hash, identity);
  return identity;
}

}  // namespace insula::apiserver
