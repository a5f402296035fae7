#include "apiserver/token_keys.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "jose/base64url.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----";

Result<jose::JwsKey> identified(std::string_view pem) {
  INSULA_TRY(jose::JwsKey key, jose::JwsKey::from_public_pem(pem));
  key.set_id(jose::base64url_encode(jose::sha256(key.public_der())));
  return key;
}

}  // namespace

TokenKeys::TokenKeys(jose::JwsSigner signer, std::vector<jose::JwsKey> public_keys)
    : signer_(std::move(signer)), public_keys_(std::move(public_keys)) {}

Result<TokenKeys> TokenKeys::load(std::string_view private_pem, std::string_view public_pems) {
  INSULA_TRY(jose::JwsSigner signer, jose::JwsSigner::from_private_pem(private_pem));
  INSULA_TRY(const std::string own_pem, signer.public_pem());
  INSULA_TRY(jose::JwsKey own, identified(own_pem));
  // A key verifies what it signs, and an RSA one would verify more.
  own.restrict_to({signer.algorithm()});
  std::vector<jose::JwsKey> keys = {std::move(own)};
  for (std::size_t at = public_pems.find(kBegin);
       at != std::string_view::npos && keys.size() <= kEarlierMax;) {
    const std::size_t next = public_pems.find(kBegin, at + 1);
    INSULA_TRY(jose::JwsKey key, identified(public_pems.substr(at, next - at)));
    if (std::ranges::find(keys, key.id(), &jose::JwsKey::id) == keys.end())
      keys.push_back(std::move(key));
    at = next;
  }
  return TokenKeys(std::move(signer), std::move(keys));
}

Result<std::string> TokenKeys::sign(std::string_view claims) const {
  const std::string header =
      fmt::format(R"({{"alg":"{}","kid":"{}"}})", algorithm(), public_keys_.front().id());
  std::string token = jose::base64url_encode(header) + '.' + jose::base64url_encode(claims);
  INSULA_TRY(const std::string signature, signer_.sign(token));
  return token + '.' + jose::base64url_encode(signature);
}

std::string_view TokenKeys::algorithm() const {
  return jose::name_of(signer_.algorithm());
}

std::string discovery_document(const TokenAuthority& authority) {
  return json::write(json::Object{
      {"issuer", authority.issuer},
      {"jwks_uri", authority.jwks_uri},
      {"response_types_supported", json::Array{"id_token"}},
      {"subject_types_supported", json::Array{"public"}},
      {"id_token_signing_alg_values_supported", json::Array{authority.keys.algorithm()}}});
}

}  // namespace insula::apiserver
