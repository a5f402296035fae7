// Tokens of strangers: the JWS splitter, base64url, both JSON parts and every claim check. The
// input is tried as a whole token and, correctly signed, as a payload, so that the claims are
// reached.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/jwt.h"
#include "jose/base64url.h"

namespace {

using namespace insula;
using namespace insula::gateway;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";
// Of RFC 8037 appendix A.
constexpr std::string_view kPrivatePem =
    "-----BEGIN PRIVATE "
    "KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kPublicPem =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";

const std::vector<JwtIssuer>& issuers() {
  static const std::vector<JwtIssuer> known = {
      {"i",
       {"a"},
       {jose::JwsKey::from_secret(kSecret).value(),
        jose::JwsKey::from_public_pem(kPublicPem).value()}}};
  return known;
}

void check(std::string_view token) {
  const WallTime now = WallTime(std::chrono::seconds(1'700'000'000));
  const auto claims = verify_jwt(token, issuers(), now);
  if (claims && (claims->issuer != "i" || now >= claims->expires + kTokenLeeway)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const jose::JwsSigner signer = jose::JwsSigner::from_private_pem(kPrivatePem).value();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  if (size > jose::kTokenBytesMax / 2) return 0;
  const std::string signing_input =
      jose::base64url_encode(R"({"alg":"EdDSA"})") + '.' + jose::base64url_encode(input);
  check(signing_input + '.' + jose::base64url_encode(signer.sign(signing_input).value()));
  if (const auto decoded = jose::base64url_decode(input);
      decoded && jose::base64url_encode(*decoded) != input)
    __builtin_trap();
  return 0;
}
