#include "gateway/jwt.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/token_cache.h"
#include "jose/base64url.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

// RFC 7515 appendix A.1, A.2, A.3 and RFC 8037 appendix A.4; the JWKs are written as PEM here.
constexpr std::string_view kRfcPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";
constexpr std::string_view kHmacHeader = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
constexpr std::string_view kHmacSignature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr std::string_view kHmacKey =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr std::string_view kRsaHeader = "eyJhbGciOiJSUzI1NiJ9";
constexpr std::string_view kRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju"
    "jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"
    "Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipU"
    "TI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
constexpr std::string_view kRsaPem = R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj
NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz
P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo
9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB
EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX
FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp
oQIDAQAB
-----END PUBLIC KEY-----
)";
constexpr std::string_view kEcHeader = "eyJhbGciOiJFUzI1NiJ9";
constexpr std::string_view kEcSignature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
constexpr std::string_view kEcPem = R"(-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
-----END PUBLIC KEY-----
)";
constexpr std::string_view kEdToken =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
constexpr std::string_view kEdPem = R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
)";
constexpr std::string_view kP384Pem = R"(-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEyp7m4LJzCEbD/IHSBbeFge3PddnK8IEg
KTszQbn+FYRZrb4qwA9wW/ln1uiKHFElpOI5Z0pi/3UkfRrfeH8mEdKPRKDtGF1M
9yN+yl3Wu3n504GPk2iVoaFOU2bSG8Xj
-----END PUBLIC KEY-----
)";
constexpr std::string_view kRsa1024Pem = R"(-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCsZJb19FhMisi6uNoE271GYQty
WIZI2ULE09yecjwW+usa/ART49gvgAYdn6ZtFwB7Tw7gXEXukGTR7cBZFE+gDfJ8
QZ+mYgIuHncFz2JqTatZUs+FlNkbOV0iKs5ysk3IZ09NCuHTV/nY4aAQn8X+dp/T
ZBrFAFndWSSp1UEFcQIDAQAB
-----END PUBLIC KEY-----
)";
constexpr std::string_view kEcPrivatePem = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSvfLw9/FYLNsr+RO
5Zk4ALDYfJf5EUze6cicS/CNcfahRANCAAStlLgJu+q5loNPeiLz+AjHc9blrltE
hf66bYhJgdkX4GFCh/aCVuvpa0sRKTol8hPAk/AV4LVzUK/XxAVYRbhZ
-----END PRIVATE KEY-----
)";

std::string join(std::string_view header, std::string_view payload, std::string_view signature) {
  return std::string(header) + '.' + std::string(payload) + '.' + std::string(signature);
}

std::vector<jose::JwsKey> all_rfc_keys() {
  return {jose::JwsKey::from_secret(*jose::base64url_decode(kHmacKey)).value(),
          jose::JwsKey::from_public_pem(kRsaPem).value(),
          jose::JwsKey::from_public_pem(kEcPem).value(),
          jose::JwsKey::from_public_pem(kEdPem).value()};
}

TEST(Jws, VerifiesTheExamplesOfItsStandards) {
  const auto keys = all_rfc_keys();
  const std::string payload = *jose::base64url_decode(kRfcPayload);
  for (const auto& [token, algorithm] : {
           std::pair{join(kHmacHeader, kRfcPayload, kHmacSignature), jose::JwsAlgorithm::kHs256},
           std::pair{join(kRsaHeader, kRfcPayload, kRsaSignature), jose::JwsAlgorithm::kRs256},
           std::pair{join(kEcHeader, kRfcPayload, kEcSignature), jose::JwsAlgorithm::kEs256},
       }) {
    const auto verified = jose::verify_jws(token, keys);
    ASSERT_TRUE(verified) << name_of(algorithm) << ": " << verified.error().message();
    EXPECT_EQ(verified->payload, payload);
    EXPECT_EQ(verified->algorithm, algorithm);
  }
  const auto edwards = jose::verify_jws(kEdToken, keys);
  ASSERT_TRUE(edwards) << edwards.error().message();
  EXPECT_EQ(edwards->payload, "Example of Ed25519 signing");
}

// RFC 7515 appendix A.4 and RFC 7520 sections 4.1 to 4.4. The latter's other examples are in JSON
// serialisation or have their content elsewhere, which no token has.
constexpr std::string_view kRfc7515Es512 =
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-"
    "mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmx"
    "YbSW9ERBXukOXolLzeO_Jn";
constexpr std::string_view kRfc7520Payload =
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250by"
    "B0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUg"
    "eW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
constexpr std::string_view kRfc7520Keys = R"({"keys":[
  {"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}]})";
constexpr std::string_view kRfc7520EcKeys = R"({"keys":[
  {"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"},
  {"kty":"EC","kid":"rfc7515-a4","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}]})";
constexpr std::string_view kRfc7520Secret = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg";

struct Rfc7520Example {
  jose::JwsAlgorithm algorithm;
  std::string_view header;
  std::string_view signature;
};

constexpr Rfc7520Example kRfc7520Examples[] = {
    {jose::JwsAlgorithm::kRs256,
     "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
     "MRjdkly7_-"
     "oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII"
     "7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_"
     "qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1K"
     "t9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-"
     "ZnmK"
     "J3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"},
    {jose::JwsAlgorithm::kPs384,
     "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
     "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-"
     "tPid6VrklHkqsGqDqHCdP6O8TTB5"
     "dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-"
     "UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P"
     "_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_"
     "jLAeQTlqRHtfa64QQSUm"
     "FAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"},
    {jose::JwsAlgorithm::kEs512,
     "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
     "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-"
     "JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtP"
     "Bu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"},
    {jose::JwsAlgorithm::kHs256,
     "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
     "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"},
};

TEST(Jws, VerifiesTheExamplesOfTheCookbook) {
  std::vector<jose::JwsKey> keys = jose::parse_jwk_set(kRfc7520Keys)->keys;
  std::ranges::copy(jose::parse_jwk_set(kRfc7520EcKeys)->keys, std::back_inserter(keys));
  keys.push_back(jose::JwsKey::from_secret(*jose::base64url_decode(kRfc7520Secret)).value());
  for (const Rfc7520Example& example : kRfc7520Examples) {
    const auto verified =
        jose::verify_jws(join(example.header, kRfc7520Payload, example.signature), keys);
    ASSERT_TRUE(verified) << name_of(example.algorithm) << ": " << verified.error().message();
    EXPECT_EQ(verified->algorithm, example.algorithm);
  }
  EXPECT_EQ(jose::verify_jws(kRfc7515Es512, keys)->payload, "Payload");
  // RFC 7515 appendix A.5: unsecured.
  EXPECT_FALSE(jose::verify_jws(join("eyJhbGciOiJub25lIn0", kRfcPayload, ""), keys));
}

TEST(Jws, RefusesEveryChangedByte) {
  const auto keys = all_rfc_keys();
  for (const auto& token : {join(kHmacHeader, kRfcPayload, kHmacSignature),
                            join(kEcHeader, kRfcPayload, kEcSignature)}) {
    for (std::size_t i = 0; i < token.size(); ++i) {
      std::string changed = token;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(jose::verify_jws(changed, keys)) << "byte " << i;
    }
  }
}

TEST(Jws, RefusesUnsignedTokensAndUnknownAlgorithms) {
  const auto keys = all_rfc_keys();
  const std::string payload(kRfcPayload);
  for (const std::string_view header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"hs256"})", R"({"alg":"HS512"})",
        R"({"alg":""})", R"({"alg":null})", R"({"alg":["HS256"]})", R"({"alg":5})",
        R"({"typ":"JWT"})", R"([])", R"("HS256")", R"({"alg":"HS256")",
        R"({"alg":"HS256","alg":"none"})", R"({"alg":"HS256","crit":["exp"]})",
        R"({"alg":"HS256","crit":[]})", "", "{}"}) {
    const std::string encoded = fmt::format("{}.{}.", jose::base64url_encode(header), payload);
    EXPECT_FALSE(jose::verify_jws(encoded, keys)) << header;
    // The same with a signature that is right for the bytes, so that only the header can be why.
    EXPECT_FALSE(jose::verify_jws(encoded + std::string(kHmacSignature), keys)) << header;
  }
}

TEST(Jws, RefusesOtherSpellingsOfTheSameToken) {
  const auto keys = all_rfc_keys();
  const std::string token = join(kHmacHeader, kRfcPayload, kHmacSignature);
  for (const std::string& other :
       {token + "=", token + ".", " " + token, token + "\n", "." + token, std::string(),
        std::string(".."), std::string("a.b"), token.substr(0, token.size() - 1) + "l",
        std::string(jose::kTokenBytesMax + 1, 'A')}) {
    EXPECT_FALSE(jose::verify_jws(other, keys)) << other.substr(0, 80);
  }
}

/// RFC 2104.
std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string block = key.size() > 64 ? jose::sha256(key) : std::string(key);
  block.resize(64, '\0');
  std::string inner = block;
  std::string outer = block;
  for (std::size_t i = 0; i < block.size(); ++i) {
    inner[i] = static_cast<char>(block[i] ^ 0x36);
    outer[i] = static_cast<char>(block[i] ^ 0x5c);
  }
  return jose::sha256(outer + jose::sha256(inner.append(text)));
}

TEST(Jws, APublicKeyIsNeverAnHmacSecret) {
  const std::vector keys = {jose::JwsKey::from_public_pem(kRsaPem).value(),
                            jose::JwsKey::from_public_pem(kEcPem).value()};
  // HMAC-SHA256 with the PEM text as the secret: what an attacker who knows the public key can
  // compute.
  for (const std::string_view pem : {kRsaPem, kEcPem}) {
    const std::string input = std::string(kHmacHeader) + "." + std::string(kRfcPayload);
    const std::string token = input + "." + jose::base64url_encode(hmac_sha256(pem, input));
    const std::vector fooled = {jose::JwsKey::from_secret(pem).value()};
    EXPECT_TRUE(jose::verify_jws(token, fooled));
    const auto refused = jose::verify_jws(token, keys);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("no key for HS256"));
  }
}

TEST(Jws, KeysOfOtherAlgorithmsDoNotCountAgainstThoseThatAreTried) {
  std::vector<jose::JwsKey> keys(jose::kIssuerKeysMax + 4,
                                 jose::JwsKey::from_public_pem(kRsaPem).value());
  keys.push_back(jose::JwsKey::from_public_pem(kEcPem).value());
  EXPECT_TRUE(jose::verify_jws(join(kEcHeader, kRfcPayload, kEcSignature), keys));
}

TEST(Jws, AKeyServesOnlyTheAlgorithmsOfItsType) {
  using enum jose::JwsAlgorithm;
  const jose::JwsAlgorithmSet rsa = {kRs256, kRs384, kRs512, kPs256, kPs384, kPs512};
  EXPECT_EQ(jose::JwsKey::from_public_pem(kRsaPem)->algorithms(), rsa);
  EXPECT_EQ(jose::JwsKey::from_public_pem(kEcPem)->algorithms(), jose::JwsAlgorithmSet{kEs256});
  EXPECT_EQ(jose::JwsKey::from_public_pem(kP384Pem)->algorithms(), jose::JwsAlgorithmSet{kEs384});
  EXPECT_EQ(jose::JwsKey::from_public_pem(kEdPem)->algorithms(), jose::JwsAlgorithmSet{kEdDsa});
  EXPECT_FALSE(jose::JwsKey::from_public_pem(kRsa1024Pem));
  EXPECT_FALSE(jose::JwsKey::from_public_pem(kEcPrivatePem));
  EXPECT_FALSE(jose::JwsKey::from_public_pem("secret"));
  EXPECT_FALSE(jose::JwsKey::from_secret("too short"));
}

class Jwt : public ::testing::Test {
 protected:
  [[nodiscard]] std::string sign(std::string_view claims) const {
    const std::string input =
        jose::base64url_encode(R"({"alg":"EdDSA"})") + "." + jose::base64url_encode(claims);
    return input + "." + jose::base64url_encode(signer_.sign(input).value());
  }

  [[nodiscard]] Result<JwtClaims> verify(std::string_view claims) const {
    return verify_jwt(sign(claims), issuers_, clock_.wall());
  }

  [[nodiscard]] std::int64_t unix_now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch())
        .count();
  }

  [[nodiscard]] std::string claims(std::int64_t exp) const {
    return R"({"iss":"https://id.example","aud":["x","llm"],"sub":"ann","exp":)" +
           std::to_string(exp) + "}";
  }

  testing::FakeClock clock_;
  jose::JwsKeyPair keys_ = jose::generate_ed25519_keys().value();
  jose::JwsSigner signer_ = jose::JwsSigner::from_private_pem(keys_.private_pem).value();
  std::vector<JwtIssuer> issuers_ = {
      {"https://id.example",
       {"llm", "other"},
       {jose::JwsKey::from_public_pem(keys_.public_pem).value()}},
      {"https://second.example", {"llm"}, {jose::JwsKey::from_public_pem(kEdPem).value()}}};
};

TEST_F(Jwt, AcceptsATokenOfAKnownIssuerForUs) {
  const auto accepted = verify(claims(unix_now() + 600));
  ASSERT_TRUE(accepted) << accepted.error().message();
  EXPECT_EQ(accepted->subject, "ann");
  EXPECT_EQ(accepted->issuer, "https://id.example");
  EXPECT_EQ(accepted->tenant, "");
}

TEST_F(Jwt, ExpiresAfterTheLeewayAndNotBefore) {
  const std::int64_t leeway = kTokenLeeway.count();
  EXPECT_TRUE(verify(claims(unix_now() - leeway + 1)));
  const auto expired = verify(claims(unix_now() - leeway));
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().message(), "token has expired");
  EXPECT_EQ(expired.error().code(), ErrorCode::kUnauthenticated);
}

TEST_F(Jwt, RequiresIssuerAudienceAndExpiry) {
  const std::string exp = std::to_string(unix_now() + 600);
  for (const std::string& claims : {
           R"({"aud":"llm","exp":)" + exp + "}",
           R"({"iss":"https://id.example","exp":)" + exp + "}",
           std::string(R"({"iss":"https://id.example","aud":"llm"})"),
           R"({"iss":"https://evil.example","aud":"llm","exp":)" + exp + "}",
           R"({"iss":["https://id.example"],"aud":"llm","exp":)" + exp + "}",
           R"({"iss":"https://id.example","aud":"LLM","exp":)" + exp + "}",
           R"({"iss":"https://id.example","aud":[],"exp":)" + exp + "}",
           R"({"iss":"https://id.example","aud":["llm",1],"exp":)" + exp + "}",
           R"({"iss":"https://id.example","aud":"llm","exp":")" + exp + "\"}",
           std::string(R"({"iss":"https://id.example","aud":"llm","exp":null})"),
           std::string(R"({"iss":"https://id.example","aud":"llm","exp":-1})"),
           R"({"iss":"https://id.example","aud":"llm","sub":1,"exp":)" + exp + "}",
           R"({"iss":"https://id.example","aud":"llm","tenant":{},"exp":)" + exp + "}",
           R"({"iss":"https://id.example","iss":"https://id.example","aud":"llm","exp":)" + exp +
               "}",
       }) {
    EXPECT_FALSE(verify(claims)) << claims;
  }
}

TEST_F(Jwt, ObeysNotBeforeAndReadsAnyNumber) {
  const std::string head = R"({"iss":"https://id.example","aud":"llm","exp":1e300,"nbf":)";
  EXPECT_TRUE(verify(head + std::to_string(unix_now() + 59) + ".5}"));
  EXPECT_FALSE(verify(head + std::to_string(unix_now() + 120) + "}"));
}

TEST_F(Jwt, AnIssuerIsNotServedByTheKeyOfAnother) {
  EXPECT_FALSE(verify(R"({"iss":"https://second.example","aud":"llm","exp":)" +
                      std::to_string(unix_now() + 600) + "}"));
}

TEST_F(Jwt, AMintedTokenCarriesItsTenant) {
  const std::vector<JwtIssuer> builtin = {
      {std::string(kBuiltinIssuer),
       {std::string(kBuiltinAudience)},
       {jose::JwsKey::from_public_pem(keys_.public_pem).value()}}};
  const TokenRequest request{"demo-a", "uid-1", R"(ann "the\admin")", std::chrono::hours(1)};
  const std::string token = mint_token(signer_, request, clock_.wall()).value();
  const auto claims = verify_jwt(token, builtin, clock_.wall());
  ASSERT_TRUE(claims) << claims.error().message();
  EXPECT_EQ(claims->tenant, "demo-a");
  EXPECT_EQ(claims->tenant_uid, "uid-1");
  EXPECT_EQ(claims->subject, R"(ann "the\admin")");
  EXPECT_EQ(claims->expires, clock_.wall() + std::chrono::hours(1));
  EXPECT_FALSE(mint_token(signer_, {"", "", "x", std::chrono::hours(1)}, clock_.wall()));
  EXPECT_FALSE(mint_token(signer_, {"t", "", "x\n", std::chrono::hours(1)}, clock_.wall()));
  EXPECT_FALSE(mint_token(signer_, {"t", "", "x", std::chrono::seconds(0)}, clock_.wall()));
}

TEST_F(Jwt, P256KeysSignToo) {
  const auto signer = jose::JwsSigner::from_private_pem(kEcPrivatePem).value();
  EXPECT_EQ(signer.algorithm(), jose::JwsAlgorithm::kEs256);
  EXPECT_EQ(signer.sign("text")->size(), 64U);
  EXPECT_FALSE(jose::JwsSigner::from_private_pem(kEcPem));
}

TEST_F(Jwt, TheCacheForgetsTokensWhenTheyEndAndRefusalsSoon) {
  TokenCache cache;
  const WallTime start = clock_.wall();
  cache.put({"t", 1}, "good", JwtClaims{"i", "s", "t", "", start + std::chrono::minutes(5)}, start);
  cache.put({"t", 1}, "bad", fail(ErrorCode::kUnauthenticated, "no"), start);
  ASSERT_NE(cache.find({"t", 1}, "good", start), nullptr);
  ASSERT_NE(cache.find({"t", 1}, "bad", start), nullptr);
  EXPECT_FALSE(*cache.find({"t", 1}, "bad", start));
  EXPECT_EQ(cache.find({"t", 2}, "good", start), nullptr);
  EXPECT_EQ(cache.find({"u", 1}, "good", start), nullptr);
  EXPECT_EQ(cache.find({"t", 1}, "goo", start), nullptr);
  EXPECT_EQ(cache.find({"t", 1}, "bad", start + TokenCache::kRefusalTime), nullptr);
  EXPECT_EQ(cache.find({"t", 1}, "good", start + std::chrono::minutes(5) + kTokenLeeway), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST_F(Jwt, AFloodOfBadTokensLeavesTheGoodOnesCached) {
  TokenCache cache;
  const WallTime now = clock_.wall();
  cache.put({"t", 1}, "good", JwtClaims{"i", "s", "t", "", now + std::chrono::minutes(5)}, now);
  for (int i = 0; i < 10'000; ++i) {
    cache.put({"t", 1}, std::to_string(i), fail(ErrorCode::kUnauthenticated, "no"), now);
  }
  EXPECT_NE(cache.find({"t", 1}, "good", now), nullptr);
  EXPECT_EQ(cache.size(), 1 + TokenCache::kRefusedMax);
}

}  // namespace
}  // namespace insula::gateway
