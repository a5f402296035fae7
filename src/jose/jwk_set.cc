#include "jose/jwk_set.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "jose/base64url.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::jose {
namespace {

constexpr std::size_t kDepthMax = 16;
/// Of private RSA, EC and OKP keys, and of symmetric ones.
constexpr std::array<std::string_view, 8> kPrivateMembers = {"d",  "p",  "q",   "dp",
                                                             "dq", "qi", "oth", "k"};

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::kInvalid, std::move(why));
}

/// A member that is a string, or absent.
Result<std::optional<std::string_view>> optional_text(const json::Object& jwk,
                                                      std::string_view name) {
  const json::Value* value = jwk.find(name);
  if (value == nullptr) return std::nullopt;
  const std::string* text = value->as_string();
  if (text == nullptr) return refuse(fmt::format("{} is not a string", name));
  return std::optional<std::string_view>(*text);
}

Result<std::string> required_bytes(const json::Object& jwk, std::string_view name) {
  INSULA_TRY(const auto text, optional_text(jwk, name));
  auto bytes = base64url_decode(text.value_or(""));
  if (!bytes || bytes->empty()) return refuse(fmt::format("{} is not base64url", name));
  return *std::move(bytes);
}

/// Whether `use` and `key_ops` let the key verify signatures. Where they disagree it may not.
Result<bool> is_for_verifying(const json::Object& jwk) {
  INSULA_TRY(const auto use, optional_text(jwk, "use"));
  if (use && *use != "sig") return false;
  const json::Value* operations = jwk.find("key_ops");
  if (operations == nullptr) return true;
  const json::Array* array = operations->as_array();
  if (array == nullptr) return refuse("key_ops is not a list");
  return std::ranges::any_of(
      *array, [](const json::Value& operation) { return operation.text() == "verify"; });
}

Result<JwsKey> key_of_type(const json::Object& jwk) {
  INSULA_TRY(const auto type, optional_text(jwk, "kty"));
  INSULA_TRY(const auto curve, optional_text(jwk, "crv"));
  if (type == "RSA") {
    INSULA_TRY(const std::string modulus, required_bytes(jwk, "n"));
    INSULA_TRY(const std::string exponent, required_bytes(jwk, "e"));
    return JwsKey::from_rsa(modulus, exponent);
  }
  if (type == "EC") {
    INSULA_TRY(const std::string x, required_bytes(jwk, "x"));
    INSULA_TRY(const std::string y, required_bytes(jwk, "y"));
    return JwsKey::from_ec(curve.value_or(""), x, y);
  }
  if (type == "OKP" && curve == "Ed25519") {
    INSULA_TRY(const std::string x, required_bytes(jwk, "x"));
    return JwsKey::from_ed25519(x);
  }
  return refuse("not an RSA, EC or Ed25519 key");
}

Result<JwsKey> read_key(const json::Object& jwk) {
  INSULA_TRY(JwsKey key, key_of_type(jwk));
  INSULA_TRY(const auto algorithm_name, optional_text(jwk, "alg"));
  if (algorithm_name) {
    const auto algorithm = parse_jws_algorithm(*algorithm_name);
    if (!algorithm || !key.algorithms().contains(*algorithm))
      return refuse("its alg is not one of its type and curve");
    key.restrict_to({*algorithm});
  }
  INSULA_TRY(const auto id, optional_text(jwk, "kid"));
  if (id && (id->empty() || id->size() > kKeyIdBytesMax))
    return refuse("its kid is empty or longer than 256 bytes");
  key.set_id(std::string(id.value_or("")));
  return key;
}

/// A set that holds what must stay secret, or that two readers could read differently, is a mistake
/// of its issuer's, and guessing which part of it to trust would be ours.
Result<> check_set(const json::Array& keys) {
  if (keys.size() > kKeySetKeysMax)
    return refuse(fmt::format("the JWK set has more than {} keys", kKeySetKeysMax));
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const json::Value& jwk = keys[i];
    if (jwk["kty"].text() == "oct")
      return refuse(fmt::format("keys[{}] is symmetric, and no secret once published", i));
    for (const std::string_view member : kPrivateMembers) {
      if (jwk.find(member) != nullptr)
        return refuse(fmt::format("keys[{}] is a private key: it has {}", i, member));
    }
    const std::string_view use = jwk["use"].text("sig");
    const std::string_view id = jwk["kid"].text();
    if (use == "sig" && !id.empty() && !ids.insert(id).second)
      return refuse(fmt::format("keys[{}] has the kid of another", i));
  }
  return {};
}

}  // namespace

Result<JwkSet> parse_jwk_set(std::string_view text) {
  std::vector<std::string> duplicates;
  const auto parsed = json::parse(
      text, {.bytes_max = kKeySetBytesMax, .depth_max = kDepthMax, .duplicates = &duplicates});
  if (!parsed) return refuse("not a JWK set: " + parsed.error().message());
  if (!duplicates.empty()) return refuse("the JWK set has a member twice: " + duplicates.front());
  const json::Array* keys = (*parsed)["keys"].as_array();
  if (keys == nullptr) return refuse("not a JWK set: it has no list of keys");
  INSULA_TRY_VOID(check_set(*keys));
  JwkSet set;
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const auto leave_out = [&](std::string_view why) {
      set.left_out.push_back(fmt::format("keys[{}]: {}", i, why));
    };
    const json::Object* jwk = (*keys)[i].as_object();
    if (jwk == nullptr) {
      leave_out("not an object");
      continue;
    }
    const auto verifies = is_for_verifying(*jwk);
    if (!verifies) {
      leave_out(verifies.error().message());
    } else if (*verifies) {
      auto key = read_key(*jwk);
      if (key) {
        set.keys.push_back(*std::move(key));
      } else {
        leave_out(key.error().message());
      }
    }
  }
  return set;
}

std::string write_jwk_set(std::span<const JwsKey> keys) {
  json::Array set;
  for (const JwsKey& key : keys) {
    json::Object jwk{{"use", "sig"}};
    for (auto& [name, value] : key.jwk_members())
      jwk[name] = value;
    if (!key.id().empty()) jwk["kid"] = key.id();
    if (const auto algorithm = key.algorithms().only()) jwk["alg"] = name_of(*algorithm);
    set.emplace_back(std::move(jwk));
  }
  return json::write(json::Object{{"keys", std::move(set)}});
}

}  // namespace insula::jose
