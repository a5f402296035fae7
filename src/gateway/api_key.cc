#include "gateway/api_key.h"

#include <algorithm>
#include <utility>

#include "jose/jws_key.h"

namespace insula::gateway {
namespace {

bool is_alphanumeric(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

constexpr std::size_t kKeyBytes = kApiKeyPrefix.size() + kApiKeyIdLength + 1 + kApiKeySecretLength;

/// Where the next key begins, or npos.
std::size_t find_api_key(std::string_view text, std::size_t from = 0) {
  std::size_t at = text.find(kApiKeyPrefix, from);
  while (at != text.npos && !parse_api_key(text.substr(at, kKeyBytes)))
    at = text.find(kApiKeyPrefix, at + 1);
  return at;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<ApiKeyText> parse_api_key(std::string_view text) {
  if (text.size() != kKeyBytes || !text.starts_with(kApiKeyPrefix)) return std::nullopt;
  text.remove_prefix(kApiKeyPrefix.size());
  const ApiKeyText key{text.substr(0, kApiKeyIdLength), text.substr(kApiKeyIdLength + 1)};
  if (text[kApiKeyIdLength] != '_' || !is_alphanumeric(key.id) || !is_alphanumeric(key.secret)) {
    return std::nullopt;
  }
  return key;
}

bool holds_api_key(std::string_view text) {
  return find_api_key(text) != text.npos;
}

std::string without_secrets(std::string_view text) {
  std::string plain(text);
  for (std::size_t at = find_api_key(plain); at != plain.npos; at = find_api_key(plain, at + 1))
    plain.replace(at + kKeyBytes - kApiKeySecretLength, kApiKeySecretLength, "***");
  return plain;
}

bool ApiKeyGrant::allows(std::string_view model) const {
  return models.empty() || std::ranges::find(models, model) != models.end();
}

Result<> ApiKeys::add(std::string id, std::string_view hash_hex, ApiKeyGrant grant) {
  if (hash_hex.size() != 64)
    return fail(ErrorCode::kInvalid, "the hash of an API key has 64 digits");
  std::string hash;
  for (std::size_t i = 0; i < hash_hex.size(); i += 2) {
    const int high = hex_value(hash_hex[i]);
    const int low = hex_value(hash_hex[i + 1]);
    if (high < 0 || low < 0) {
      return fail(ErrorCode::kInvalid, "the hash of an API key is not hexadecimal");
    }
    hash += static_cast<char>(high * 16 + low);
  }
  records_.insert_or_assign(std::move(id), ApiKeyRecord{std::move(grant), std::move(hash)});
  return {};
}

Result<const ApiKeyGrant*> ApiKeys::verify(const ApiKeyText& key, WallTime now) const {
  static constexpr std::string_view kNoHash{
      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
      32};
  const auto found = records_.find(key.id);
  const bool known = found != records_.end();
  const bool matches = jose::equal_in_constant_time(
      jose::sha256(key.secret), known ? std::string_view(found->second.hash) : kNoHash);
  if (!known || !matches) return fail(ErrorCode::kUnauthenticated, "the API key is not valid");
  const ApiKeyGrant& grant = found->second.grant;
  if (!grant.expires.is_zero() && api::Time::from(now) >= grant.expires) {
    return fail(ErrorCode::kUnauthenticated,
                "the API key expired at " + grant.expires.text() + "; ask for a new one");
  }
  return &grant;
}

}  // namespace insula::gateway
