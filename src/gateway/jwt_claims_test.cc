// Claims of tokens that are signed well: times, audiences and issuers as no honest issuer writes
// them.

#include <gtest/gtest.h>

#include "gateway/jwt.h"
#include "jose/testing/signed_tokens.h"
#include "testing/fake_clock.h"

namespace insula::gateway {
namespace {

class JwtClaimsTest : public ::testing::Test {
 protected:
  [[nodiscard]] Result<JwtClaims> verify(std::string_view payload) const {
    return verify_jwt(jose::signing_key("Ed25519").token("EdDSA", R"({"alg":"EdDSA"})", payload),
                      issuers_, clock_.wall());
  }

  [[nodiscard]] std::int64_t now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch())
        .count();
  }

  testing::FakeClock clock_;
  std::vector<JwtIssuer> issuers_ = {{"i", {"a"}, jose::issuer_keys()}};
};

TEST_F(JwtClaimsTest, TimesAreNumbers) {
  const auto with = [&](std::string_view claims) {
    return verify(fmt::format(R"({{"iss":"i","aud":"a",{}}})", claims)).has_value();
  };
  const std::string soon = std::to_string(now() + 600);
  for (const std::string& good :
       {"\"exp\":" + soon, "\"exp\":" + soon + ".75", std::string("\"exp\":1e18"),
        std::string("\"exp\":18446744073709551615"), "\"nbf\":-5,\"exp\":" + soon,
        "\"nbf\":1.5,\"exp\":" + soon, "\"nbf\":" + std::to_string(now() + 60) + ",\"exp\":" + soon,
        "\"iat\":\"yesterday\",\"exp\":" + soon}) {
    EXPECT_TRUE(with(good)) << good;
  }
  for (const std::string& bad : {"\"exp\":\"" + soon + "\"",
                                 std::string("\"exp\":true"),
                                 std::string("\"exp\":{}"),
                                 std::string("\"exp\":[" + soon + "]"),
                                 std::string("\"exp\":null"),
                                 std::string("\"exp\":0"),
                                 std::string("\"exp\":-1"),
                                 std::string("\"exp\":-1e300"),
                                 std::string("\"exp\":1e999"),
                                 std::string("\"exp\":18446744073709551616"),
                                 std::string("\"exp\":NaN"),
                                 std::string("\"exp\":Infinity"),
                                 std::string("\"exp\":0x7fffffff"),
                                 std::string("\"exp\":+") + soon,
                                 std::string("\"exp\":0") + soon,
                                 std::string("\"EXP\":") + soon,
                                 std::string("\"exp\":") + std::to_string(now() - 60),
                                 std::string("\"exp\":1,\"exp\":") + soon,
                                 "\"nbf\":1e18,\"exp\":" + soon,
                                 "\"nbf\":\"0\",\"exp\":" + soon,
                                 "\"nbf\":null,\"exp\":" + soon,
                                 "\"nbf\":" + std::to_string(now() + 61) + ",\"exp\":" + soon}) {
    EXPECT_FALSE(with(bad)) << bad;
  }
}

TEST_F(JwtClaimsTest, AudienceAndIssuerAreComparedWhole) {
  const auto with = [&](std::string_view claims) {
    return verify(fmt::format(R"({{{},"exp":{}}})", claims, now() + 600)).has_value();
  };
  for (const std::string_view good : {R"("iss":"i","aud":"a")", R"("iss":"i","aud":["b","a"])",
                                      R"("iss":"\u0069","aud":"\u0061")"})
    EXPECT_TRUE(with(good)) << good;
  for (const std::string_view bad : {R"("iss":"i","aud":"A")",
                                     R"("iss":"i","aud":"a ")",
                                     R"("iss":"i","aud":"aa")",
                                     R"("iss":"i","aud":"")",
                                     R"("iss":"i","aud":[])",
                                     R"("iss":"i","aud":[["a"]])",
                                     R"("iss":"i","aud":{"a":"a"})",
                                     R"("iss":"i","aud":["a",null])",
                                     R"("iss":"i","aud":"b","aud":"a")",
                                     R"("iss":"i","aud":null)",
                                     R"("iss":"i")",
                                     R"("iss":"I","aud":"a")",
                                     R"("iss":"i/","aud":"a")",
                                     R"("iss":["i"],"aud":"a")",
                                     R"("iss":{"i":"i"},"aud":"a")",
                                     R"("iss":"","aud":"a")",
                                     R"("aud":"a")",
                                     R"("iss":"j","iss":"i","aud":"a")",
                                     R"("iss":"i","aud":"a","sub":["x"])",
                                     R"("iss":"i","aud":"a","tenant":"")",
                                     R"("iss":"i","aud":"a","tenant":null)"}) {
    EXPECT_FALSE(with(bad)) << bad;
  }
}

TEST_F(JwtClaimsTest, ThePayloadIsAnObject) {
  for (const std::string& payload :
       {std::string(), std::string("[]"), std::string("null"), std::string(R"("iss")"),
        std::string(R"([{"iss":"i","aud":"a","exp":1e12}])"), std::string(jose::kPayload) + "x",
        std::string(jose::kPayload) + std::string(jose::kPayload),
        "\xff" + std::string(jose::kPayload),
        R"({"iss":"i","aud":"a","exp":1e12,"x":)" + std::string(2000, '[') +
            std::string(2000, ']') + "}"}) {
    EXPECT_FALSE(verify(payload)) << payload.substr(0, 80);
  }
}

TEST_F(JwtClaimsTest, AKeyIsItsIssuersAloneWhateverItsKid) {
  const jose::SigningKey other("Ed25519");
  jose::JwsKey key = other.public_key();
  key.set_id("Ed25519");
  issuers_.push_back({"j", {"a"}, {key}});
  const auto verified = [&](std::string_view issuer, const jose::SigningKey& signer) {
    const std::string payload = fmt::format(R"({{"iss":"{}","aud":"a","exp":1e12}})", issuer);
    return verify_jwt(signer.token("EdDSA", R"({"alg":"EdDSA","kid":"Ed25519"})", payload),
                      issuers_, clock_.wall())
        .has_value();
  };
  EXPECT_TRUE(verified("i", jose::signing_key("Ed25519")));
  EXPECT_TRUE(verified("j", other));
  EXPECT_FALSE(verified("i", other));
  EXPECT_FALSE(verified("j", jose::signing_key("Ed25519")));
}

TEST_F(JwtClaimsTest, ATokenWithoutKidTriesABoundedNumberOfKeys) {
  const jose::SigningKey other("Ed25519");
  jose::JwsKey stranger = other.public_key();
  stranger.set_id("stranger");
  std::vector<jose::JwsKey> keys(jose::kIssuerKeysMax - 1, stranger);
  keys.push_back(jose::issuer_keys().back());
  issuers_.front().keys = keys;
  EXPECT_TRUE(verify(jose::kPayload));
  issuers_.front().keys.insert(issuers_.front().keys.begin(), stranger);
  EXPECT_FALSE(verify(jose::kPayload));
  EXPECT_TRUE(verify_jwt(jose::signing_key("Ed25519").token(
                             "EdDSA", R"({"alg":"EdDSA","kid":"Ed25519"})", jose::kPayload),
                         issuers_, clock_.wall()));
}

TEST_F(JwtClaimsTest, OfTheClustersIssuerAreThoseOfAnAccountThatIsThere) {
  issuers_[0].accounts.emplace()["team/bot"] = "uid-1";
  const auto claims = [](const char* account) {
    return std::string(R"({"iss":"i","aud":"a","exp":1e12,"kubernetes.io":)") + account + "}";
  };
  EXPECT_TRUE(
      verify(claims(R"({"namespace":"team","serviceaccount":{"name":"bot","uid":"uid-1"}})")));
  for (const char* other :
       {R"({"namespace":"team","serviceaccount":{"name":"bot","uid":"uid-2"}})",
        R"({"namespace":"other","serviceaccount":{"name":"bot","uid":"uid-1"}})",
        R"({"namespace":"team/bot","serviceaccount":{"name":"","uid":"uid-1"}})",
        R"({"namespace":"team","serviceaccount":{"name":"bot"}})", R"({"namespace":"team"})",
        R"({"namespace":1,"serviceaccount":{"name":"bot","uid":"uid-1"}})", "[]"}) {
    const auto refused = verify(claims(other));
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().code(), ErrorCode::kUnauthenticated);
  }
  EXPECT_FALSE(verify(std::string(jose::kPayload)));
  issuers_[0].accounts->clear();
  EXPECT_FALSE(
      verify(claims(R"({"namespace":"team","serviceaccount":{"name":"bot","uid":"uid-1"}})")));
}

}  // namespace
}  // namespace insula::gateway
