#include "gateway/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/base64url.h"
#include "gateway/token_cache.h"
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

std::vector<JwsKey> all_rfc_keys() {
  return {JwsKey::from_secret(*base64url_decode(kHmacKey)).value(),
          JwsKey::from_public_pem(kRsaPem).value(), JwsKey::from_public_pem(kEcPem).value(),
          JwsKey::from_public_pem(kEdPem).value()};
}

TEST(Jws, VerifiesTheExamplesOfItsStandards) {
  const auto keys = all_rfc_keys();
  const std::string payload = *base64url_decode(kRfcPayload);
  for (const auto& [token, algorithm] : {
           std::pair{join(kHmacHeader, kRfcPayload, kHmacSignature), JwsAlgorithm::kHs256},
           std::pair{join(kRsaHeader, kRfcPayload, kRsaSignature), JwsAlgorithm::kRs256},
           std::pair{join(kEcHeader, kRfcPayload, kEcSignature), JwsAlgorithm::kEs256},
       }) {
    const auto verified = verify_jws(token, keys);
    ASSERT_TRUE(verified) << name_of(algorithm) << ": " << verified.error().message();
    EXPECT_EQ(verified->payload, payload);
    EXPECT_EQ(verified->algorithm, algorithm);
  }
  const auto edwards = verify_jws(kEdToken, keys);
  ASSERT_TRUE(edwards) << edwards.error().message();
  EXPECT_EQ(edwards->payload, "Example of Ed25519 signing");
}

TEST(Jws, RefusesEveryChangedByte) {
  const auto keys = all_rfc_keys();
  for (const auto& token : {join(kHmacHeader, kRfcPayload, kHmacSignature),
                            join(kEcHeader, kRfcPayload, kEcSignature)}) {
    for (std::size_t i = 0; i < token.size(); ++i) {
      std::string changed = token;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(verify_jws(changed, keys)) << "byte " << i;
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
    const std::string encoded = base64url_encode(header);
    EXPECT_FALSE(verify_jws(encoded + "." + payload + ".", keys)) << header;
    // The same with a signature that is right for the bytes, so that only the header can be why.
    EXPECT_FALSE(verify_jws(encoded + "." + payload + "." + std::string(kHmacSignature), keys))
        << header;
  }
}

TEST(Jws, RefusesOtherSpellingsOfTheSameToken) {
  const auto keys = all_rfc_keys();
  const std::string token = join(kHmacHeader, kRfcPayload, kHmacSignature);
  for (const std::string& other :
       {token + "=", token + ".", " " + token, token + "\n", "." + token, std::string(),
        std::string(".."), std::string("a.b"), token.substr(0, token.size() - 1) + "l",
        std::string(kTokenBytesMax + 1, 'A')}) {
    EXPECT_FALSE(verify_jws(other, keys)) << other.substr(0, 80);
  }
}

/// RFC 2104.
std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string block = key.size() > 64 ? sha256(key) : std::string(key);
  block.resize(64, '\0');
  std::string inner = block;
  std::string outer = block;
  for (std::size_t i = 0; i < block.size(); ++i) {
    inner[i] = static_cast<char>(block[i] ^ 0x36);
    outer[i] = static_cast<char>(block[i] ^ 0x5c);
  }
  return sha256(outer + sha256(inner.append(text)));
}

TEST(Jws, APublicKeyIsNeverAnHmacSecret) {
  const std::vector keys = {JwsKey::from_public_pem(kRsaPem).value(),
                            JwsKey::from_public_pem(kEcPem).value()};
  // HMAC-SHA256 with the PEM text as the secret: what an attacker who knows the public key can
  // compute.
  for (const std::string_view pem : {kRsaPem, kEcPem}) {
    const std::string input = std::string(kHmacHeader) + "." + std::string(kRfcPayload);
    const std::string token = input + "." + base64url_encode(hmac_sha256(pem, input));
    const std::vector fooled = {JwsKey::from_secret(pem).value()};
    EXPECT_TRUE(verify_jws(token, fooled));
    const auto refused = verify_jws(token, keys);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("no key for HS256"));
  }
}

TEST(Jws, KeysOfOtherAlgorithmsDoNotCountAgainstThoseThatAreTried) {
  std::vector<JwsKey> keys(kIssuerKeysMax + 4, JwsKey::from_public_pem(kRsaPem).value());
  keys.push_back(JwsKey::from_public_pem(kEcPem).value());
  EXPECT_TRUE(verify_jws(join(kEcHeader, kRfcPayload, kEcSignature), keys));
}

TEST(Jws, AKeyServesOnlyTheAlgorithmOfItsType) {
  EXPECT_EQ(JwsKey::from_public_pem(kRsaPem)->algorithm(), JwsAlgorithm::kRs256);
  EXPECT_EQ(JwsKey::from_public_pem(kEcPem)->algorithm(), JwsAlgorithm::kEs256);
  EXPECT_EQ(JwsKey::from_public_pem(kEdPem)->algorithm(), JwsAlgorithm::kEdDsa);
  EXPECT_FALSE(JwsKey::from_public_pem(kP384Pem));
  EXPECT_FALSE(JwsKey::from_public_pem(kRsa1024Pem));
  EXPECT_FALSE(JwsKey::from_public_pem(kEcPrivatePem));
  EXPECT_FALSE(JwsKey::from_public_pem("secret"));
  EXPECT_FALSE(JwsKey::from_secret("too short"));
}

class Jwt : public ::testing::Test {
 protected:
  [[nodiscard]] std::string sign(std::string_view claims) const {
    const std::string input =
        base64url_encode(R"({"alg":"EdDSA"})") + "." + base64url_encode(claims);
    return input + "." + base64url_encode(signer_.sign(input).value());
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
  JwsKeyPair keys_ = generate_ed25519_keys().value();
  JwsSigner signer_ = JwsSigner::from_private_pem(keys_.private_pem).value();
  std::vector<JwtIssuer> issuers_ = {
      {"https://id.example", {"llm", "other"}, {JwsKey::from_public_pem(keys_.public_pem).value()}},
      {"https://second.example", {"llm"}, {JwsKey::from_public_pem(kEdPem).value()}}};
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
  const std::vector<JwtIssuer> builtin = {{std::string(kBuiltinIssuer),
                                           {std::string(kBuiltinAudience)},
                                           {JwsKey::from_public_pem(keys_.public_pem).value()}}};
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
  const auto signer = JwsSigner::from_private_pem(kEcPrivatePem).value();
  EXPECT_EQ(signer.algorithm(), JwsAlgorithm::kEs256);
  EXPECT_EQ(signer.sign("text")->size(), 64U);
  EXPECT_FALSE(JwsSigner::from_private_pem(kEcPem));
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
