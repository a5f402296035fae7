#include "gateway/jwt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <simdjson.h>

#include "gateway/base64url.h"

namespace insula::gateway {
namespace {

namespace dom = simdjson::dom;

constexpr std::chrono::seconds kLifetimeMax = std::chrono::hours(24 * 3653);
/// 9999-12-31T23:59:59Z; later dates would overflow the clock's nanoseconds.
constexpr std::int64_t kUnixSecondsMax = 253'402'300'799;

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::kUnauthenticated, std::move(why));
}

struct CompactJws {
  std::string header;
  std::string payload;
  std::string signature;
  std::string_view signing_input;
};

Result<CompactJws> split_compact(std::string_view token) {
  if (token.size() > kTokenBytesMax) return refuse("token is longer than 8192 bytes");
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return refuse("token does not have the three parts of a signed JWT");
  }
  auto header = base64url_decode(token.substr(0, first));
  auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(token.substr(second + 1));
  if (!header || !payload || !signature) return refuse("token is not valid base64url");
  return CompactJws{std::move(*header), std::move(*payload), std::move(*signature),
                    token.substr(0, second)};
}

/// A JSON object whose members are unique: with two `alg` or `iss`, two readers could disagree.
Result<dom::object> parse_object(dom::parser& parser,
                                 const std::string& text,
                                 std::string_view part) {
  dom::object object;
  if (parser.parse(text).get_object().get(object) != simdjson::SUCCESS) {
    return refuse(fmt::format("token's {} is not a JSON object", part));
  }
  std::vector<std::string_view> names;
  names.reserve(object.size());
  for (const dom::key_value_pair member : object) {
    names.push_back(member.key);
  }
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) {
    return refuse(fmt::format("token's {} has a member twice", part));
  }
  return object;
}

struct JoseHeader {
  JwsAlgorithm algorithm;
  std::string key_id;  // empty: none
};

Result<JoseHeader> read_header(const std::string& text) {
  // Kept for the next token: making one costs more than the text.
  thread_local dom::parser parser;
  INSULA_TRY(const dom::object object, parse_object(parser, text, "header"));
  if (object["crit"].error() != simdjson::NO_SUCH_FIELD) {
    return refuse("token has critical header parameters, none of which is understood");
  }
  std::string_view name;
  if (object["alg"].get_string().get(name) != simdjson::SUCCESS) {
    return refuse("token's header names no algorithm");
  }
  const auto algorithm = parse_jws_algorithm(name);
  if (!algorithm) {
    return refuse("token's algorithm is not one of HS256, RS*, PS*, ES* (256, 384, 512), EdDSA");
  }
  std::string_view key_id;
  const auto given_id = object["kid"];
  if (given_id.error() != simdjson::NO_SUCH_FIELD &&
      given_id.get_string().get(key_id) != simdjson::SUCCESS) {
    return refuse("token's kid is not a string");
  }
  return JoseHeader{*algorithm, std::string(key_id)};
}

bool may_have_signed(const JwsKey& key, const JoseHeader& header) {
  return key.algorithms().contains(header.algorithm) &&
         (header.key_id.empty() || key.id().empty() || key.id() == header.key_id);
}

enum class Signature : std::uint8_t { kGood, kBad, kNoKey };

Signature check_signature(const CompactJws& jws,
                          const JoseHeader& header,
                          std::span<const JwsKey> keys) {
  std::size_t tried = 0;
  for (const JwsKey& key : keys) {
    if (!may_have_signed(key, header)) continue;
    if (key.verify(header.algorithm, jws.signing_input, jws.signature)) return Signature::kGood;
    if (++tried == kIssuerKeysMax) break;
  }
  return tried == 0 ? Signature::kNoKey : Signature::kBad;
}

std::unexpected<Error> refuse(Signature signature, const JoseHeader& header) {
  if (signature == Signature::kBad) return refuse("token's signature does not match");
  return refuse(
      fmt::format("no key for {} is configured for the token's issuer", name_of(header.algorithm)));
}

/// Of an issuer whose keys are fetched: the key may be newer than what is known.
std::unexpected<Error> refuse_and_ask(Signature signature,
                                      const JoseHeader& header,
                                      KeyDemand& demand) {
  demand.ask();
  std::string why =
      signature == Signature::kBad ? "token's signature does not match any of its issuer's keys"
      : header.key_id.empty()
          ? fmt::format("the token's issuer has no key for {}", name_of(header.algorithm))
          : "the token's kid is not that of a key of its issuer";
  why += demand.failing() ? "; they could not be fetched again, so ask who runs the issuer"
                          : "; if the key is new, try again in a few seconds";
  return refuse(std::move(why));
}

Result<> check_signature(const CompactJws& jws, const JwtIssuer& issuer) {
  INSULA_TRY(const JoseHeader header, read_header(jws.header));
  if (!issuer.keys_known) {
    issuer.demand->ask();
    return fail(ErrorCode::kUnavailable,
                "the keys of the token's issuer could not be fetched yet; try again soon");
  }
  const Signature signature = check_signature(jws, header, issuer.keys);
  if (signature == Signature::kGood) return {};
  const bool key_known = signature == Signature::kBad && !header.key_id.empty();
  if (issuer.demand == nullptr || key_known) return refuse(signature, header);
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

}  // namespace

Result<VerifiedJws> verify_jws(std::string_view token, std::span<const JwsKey> keys) {
  INSULA_TRY(auto jws, split_compact(token));
  INSULA_TRY(const JoseHeader header, read_header(jws.header));
  const Signature signature = check_signature(jws, header, keys);
  if (signature != Signature::kGood) return refuse(signature, header);
  return VerifiedJws{std::move(jws.payload), header.algorithm};
}

Result<JwtClaims> verify_jwt(std::string_view token,
                             std::span<const JwtIssuer> issuers,
                             WallTime now) {
  INSULA_TRY(const auto jws, split_compact(token));
  thread_local dom::parser parser;
  INSULA_TRY(const dom::object claims, parse_object(parser, jws.payload, "payload"));
  INSULA_TRY(auto issuer, required_string(claims, "iss"));
  const auto known = std::ranges::find(issuers, issuer, &JwtIssuer::issuer);
  if (known == issuers.end()) return refuse("token is from an issuer that is not accepted here");
  // Nothing else of the payload is looked at before its signature is known to be good.
  INSULA_TRY_VOID(check_signature(jws, *known));
  INSULA_TRY_VOID(check_audience(claims, known->audiences));
  INSULA_TRY(const WallTime expires, check_times(claims, now));
  INSULA_TRY(auto subject, optional_string(claims, "sub"));
  INSULA_TRY(auto tenant, optional_string(claims, "tenant"));
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

Result<std::string> mint_token(const JwsSigner& signer, const TokenRequest& request, WallTime now) {
  if (request.tenant.empty() || !is_printable(request.tenant) ||
      !is_printable(request.tenant_uid) || !is_printable(request.subject)) {
    return fail(ErrorCode::kInvalid, "a token needs a tenant, and names in printable ASCII");
  }
  if (request.lifetime < std::chrono::seconds(1) || request.lifetime > kLifetimeMax) {
    return fail(ErrorCode::kInvalid, "a token's lifetime is between one second and ten years");
  }
  const auto issued = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  const std::string header =
      fmt::format(R"({{"alg":"{}","typ":"JWT"}})", name_of(signer.algorithm()));
  const std::string claims = fmt::format(
      R"({{"iss":"{}","aud":"{}","sub":{},"tenant":{},"tenant_uid":{},"iat":{},"exp":{}}})",
      kBuiltinIssuer, kBuiltinAudience, json_string(request.subject), json_string(request.tenant),
      json_string(request.tenant_uid), issued.count(), (issued + request.lifetime).count());
  std::string token = base64url_encode(header) + '.' + base64url_encode(claims);
  INSULA_TRY(const std::string signature, signer.sign(token));
  return token + '.' + base64url_encode(signature);
}

}  // namespace insula::gateway
