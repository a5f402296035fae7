#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <openssl/hmac.h>

#include "jose/base64url.h"
#include "jose/jws_key.h"
#include "jose/testing/signing_key.h"

// What the tests of signed tokens share: an issuer with one key of each type, and its tokens.

namespace insula::jose {

inline constexpr std::string_view kSharedSecret = "a shared secret of 32 bytes or more";
inline constexpr std::string_view kPayload = R"({"iss":"i","aud":"a","exp":1e12})";

inline const SigningKey& signing_key(const std::string& type) {
  static const std::map<std::string, SigningKey> keys = [] {
    std::map<std::string, SigningKey> made;
    for (const char* name : {"RSA", "P-256", "P-384", "P-521", "Ed25519"})
      made.emplace(name, SigningKey(name));
    return made;
  }();
  return keys.at(type);
}

/// An issuer with a key of each public type, as a JWK set has them.
inline const std::vector<JwsKey>& issuer_keys() {
  static const std::vector<JwsKey> keys = [] {
    std::vector<JwsKey> made;
    for (const char* type : {"RSA", "P-256", "P-384", "P-521", "Ed25519"}) {
      made.push_back(signing_key(type).public_key());
      made.back().set_id(type);
    }
    return made;
  }();
  return keys;
}

inline std::string hmac(std::string_view secret, std::string_view input) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(input), input.size(),
       mac.data(), &size);
  return {reinterpret_cast<const char*>(mac.data()), size};
}

inline std::string hmac_token(std::string_view secret, std::string_view header) {
  const std::string input = base64url_encode(header) + "." + base64url_encode(kPayload);
  return input + "." + base64url_encode(hmac(secret, input));
}

inline std::string header_of(std::string_view algorithm) {
  return fmt::format(R"({{"alg":"{}"}})", algorithm);
}

inline std::string with_signature(const std::string& token, std::string_view signature) {
  return token.substr(0, token.rfind('.') + 1) + base64url_encode(signature);
}

inline std::string signature_of(const std::string& token) {
  return base64url_decode(std::string_view(token).substr(token.rfind('.') + 1)).value();
}

inline std::string good_token(std::string_view algorithm, const std::string& type) {
  return signing_key(type).token(algorithm, header_of(algorithm), kPayload);
}

/// An algorithm and the type of key that serves it.
struct Served {
  const char* algorithm;
  const char* type;
};

inline constexpr std::array<Served, 10> kServed = {{{"RS256", "RSA"},
                                                    {"RS384", "RSA"},
                                                    {"RS512", "RSA"},
                                                    {"PS256", "RSA"},
                                                    {"PS384", "RSA"},
                                                    {"PS512", "RSA"},
                                                    {"ES256", "P-256"},
                                                    {"ES384", "P-384"},
                                                    {"ES512", "P-521"},
                                                    {"EdDSA", "Ed25519"}}};

}  // namespace insula::jose
