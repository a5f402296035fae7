#include "apiserver/oidc_verifier.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "apiserver/test_server.h"
#include "jose/base64url.h"
#include "jose/jws_key.h"

namespace insula::apiserver {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kIssuer = "https://id.example.com";
constexpr const char* kServer = "https://kubernetes.default.svc.cluster.local";

/// A key of an issuer, which signs ES256.
class Key {
 public:
  explicit Key(std::string id) : id_(std::move(id)) {}

  [[nodiscard]] std::string token(std::string_view claims) const {
    const std::string header = fmt::format(R"({{"alg":"ES256","kid":"{}"}})", id_);
    const std::string input = jose::base64url_encode(header) + '.' + jose::base64url_encode(claims);
    return input + '.' + jose::base64url_encode(signer_.sign(input).value());
  }

  [[nodiscard]] jose::JwsKey verifier() const {
    jose::JwsKey key = jose::JwsKey::from_public_pem(pair_.public_pem).value();
    key.set_id(id_);
    return key;
  }

 private:
  std::string id_;
  jose::JwsKeyPair pair_ = jose::generate_es256_keys().value();
  jose::JwsSigner signer_ = jose::JwsSigner::from_private_pem(pair_.private_pem).value();
};

class FakeKeys final : public IssuerKeySource {
 public:
  [[nodiscard]] std::shared_ptr<const jose::JwkSet> keys() override { return set; }

  void ask() override { ++asked; }

  void publish(std::initializer_list<const Key*> keys) {
    auto next = std::make_shared<jose::JwkSet>();
    for (const Key* key : keys)
      next->keys.push_back(key->verifier());
    set = std::move(next);
  }

  std::shared_ptr<const jose::JwkSet> set;
  int asked = 0;
};

/// Knows one token.
class FakeAccounts final : public TokenAuthenticator {
 public:
  Result<TokenUser> verify(std::string_view token,
                           std::span<const std::string>,
                           WallTime) override {
    if (token == "of-an-account") return TokenUser{{"account", {}}, {}};
    return fail(ErrorCode::kUnauthenticated, "no account's");
  }
};

class OidcVerifierTest : public ::testing::Test {
 protected:
  OidcVerifierTest() {
    keys_.publish({&key_});
    options_.issuer = kIssuer;
    options_.client_id = "kube";
    options_.username_prefix = "id:";
    options_.groups_claim = "groups";
    options_.groups_prefix = "id:";
    options_.algorithms = {jose::JwsAlgorithm::kEs256};
    options_.keys = &keys_;
  }

  OidcVerifier& verifier() {
    if (!verifier_) verifier_.emplace(options_, kServer, &accounts_);
    return *verifier_;
  }

  Result<TokenUser> verify(const std::string& token) { return verifier().verify(token, {}, now_); }

  /// `more`: members after `iss`, `aud`, `sub` and `exp`.
  static std::string claims(std::string_view more = "") {
    return fmt::format(R"({{"iss":"{}","aud":"kube","sub":"ann","exp":2000{}}})", kIssuer, more);
  }

  std::string why_not(std::string_view claims) {
    const auto found = verify(key_.token(claims));
    return found ? "" : found.error().message();
  }

  Key key_{"1"};
  FakeKeys keys_;
  FakeAccounts accounts_;
  OidcOptions options_;
  std::optional<OidcVerifier> verifier_;
  WallTime now_{1000s};
};

TEST_F(OidcVerifierTest, ATokenSaysWhoItsBearerIs) {
  const auto found = verify(key_.token(claims(R"(,"groups":["dev","ops"],"jti":"7")")));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->user.name, "id:ann");
  EXPECT_THAT(found->user.groups, ElementsAre("id:dev", "id:ops", "system:authenticated"));
  EXPECT_THAT(found->user.extra.at("authentication.kubernetes.io/credential-id"),
              ElementsAre("JTI=7"));
  EXPECT_THAT(found->audiences, ElementsAre(kServer));
}

TEST_F(OidcVerifierTest, OneGroupMayBeAString) {
  EXPECT_THAT(verify(key_.token(claims(R"(,"groups":"dev")")))->user.groups,
              ElementsAre("id:dev", "system:authenticated"));
}

TEST_F(OidcVerifierTest, WhatIsWrongWithATokenIsTold) {
  const std::pair<std::string, const char*> cases[] = {
      {R"({"iss":"https://id.example.com","aud":"other","sub":"ann","exp":2000})",
       "oidc: verify token: oidc: expected audience \"kube\" got [\"other\"]"},
      {R"({"iss":"https://id.example.com","sub":"ann","exp":2000})", "expected audience"},
      {R"({"iss":"https://id.example.com","aud":"kube","exp":2000})",
       "oidc: parse username claims \"sub\": claim not present"},
      {R"({"iss":"https://id.example.com","aud":"kube","sub":7,"exp":2000})",
       "oidc: parse username claims \"sub\""},
      {R"({"iss":"https://id.example.com","aud":"kube","sub":"ann"})", "no claim exp"},
      {R"({"iss":"https://id.example.com","aud":"kube","sub":"ann","exp":"2000"})",
       "exp is no number"},
      {R"({"iss":"https://id.example.com","aud":"kube","sub":"ann","exp":1000})",
       "oidc: verify token: oidc: token is expired (Token Expiry: 1970-01-01 00:16:40 +0000 UTC)"},
      {claims(R"(,"nbf":1301)"), "before the nbf (not before) time: 1970-01-01 00:21:41"},
      {claims(R"(,"groups":[1])"), "oidc: parse groups claim \"groups\""},
      {claims(R"(,"groups":{"a":1})"), "oidc: parse groups claim \"groups\""},
  };
  for (const auto& [text, message] : cases)
    EXPECT_THAT(why_not(text), HasSubstr(message)) << text;
  EXPECT_EQ(why_not(claims(R"(,"nbf":1300)")), "");
  EXPECT_EQ(why_not(R"({"iss":"https://id.example.com","aud":["x","kube"],"sub":"a","exp":1e12})"),
            "");
}

TEST_F(OidcVerifierTest, AClaimGivenTwiceIsNoClaimOfThisIssuer) {
  EXPECT_FALSE(verify(key_.token(claims(R"(,"sub":"eve")"))));
}

TEST_F(OidcVerifierTest, RequiredClaimsMustBeThereAndEqual) {
  options_.required_claims = {{"hd", "example.com"}};
  EXPECT_EQ(why_not(claims()), "oidc: required claim hd not present in ID token");
  EXPECT_EQ(why_not(claims(R"(,"hd":"evil.com")")),
            "oidc: required claim hd value does not match. Got = evil.com, want = example.com");
  EXPECT_EQ(why_not(claims(R"(,"hd":"example.com")")), "");
}

TEST_F(OidcVerifierTest, AnEmailAddressMustNotBeUnverified) {
  options_.username_claim = "email";
  options_.username_prefix.clear();
  EXPECT_EQ(why_not(claims(R"(,"email":"a@b.c","email_verified":false)")),
            "oidc: email not verified");
  EXPECT_EQ(verify(key_.token(claims(R"(,"email":"a@b.c","email_verified":true)")))->user.name,
            "a@b.c");
  EXPECT_EQ(verify(key_.token(claims(R"(,"email":"d@b.c")")))->user.name, "d@b.c");
}

TEST_F(OidcVerifierTest, AnIssuerMakesNoAdministratorsAndNoNodes) {
  options_.username_prefix.clear();
  options_.groups_prefix.clear();
  EXPECT_THAT(verify(key_.token(claims(
                         R"(,"groups":["system:masters","system:nodes","insula:gateway","dev"])")))
                  ->user.groups,
              ElementsAre("dev", "system:authenticated"));
  EXPECT_THAT(
      why_not(R"({"iss":"https://id.example.com","aud":"kube","sub":"system:admin","exp":2000})"),
      HasSubstr("the server's own"));
}

TEST_F(OidcVerifierTest, PrefixesAreThoseOfKubernetes) {
  EXPECT_EQ(oidc_username_prefix(options_, {}), "https://id.example.com#");
  EXPECT_EQ(oidc_username_prefix(options_, "x-"), "x-");
  EXPECT_EQ(oidc_username_prefix(options_, "-"), "");
  options_.username_claim = "email";
  EXPECT_EQ(oidc_username_prefix(options_, {}), "");
}

TEST_F(OidcVerifierTest, ASignatureOfAnotherKeyOrAlgorithmIsRefused) {
  const Key other("1");
  EXPECT_THAT(verify(other.token(claims())).error().message(),
              HasSubstr("failed to verify id token signature"));
  EXPECT_EQ(keys_.asked, 0);
  options_.algorithms = {jose::JwsAlgorithm::kRs256};
  verifier_.reset();
  EXPECT_THAT(why_not(claims()), HasSubstr("unsupported algorithm \"ES256\""));
}

TEST_F(OidcVerifierTest, AnUnknownKeyIsAskedForAndGoodOnceItIsThere) {
  const Key next("2");
  EXPECT_FALSE(verify(next.token(claims())));
  EXPECT_EQ(keys_.asked, 1);
  keys_.publish({&key_, &next});
  EXPECT_TRUE(verify(next.token(claims())));
  EXPECT_EQ(keys_.asked, 1);
}

TEST_F(OidcVerifierTest, ARememberedTokenEndsWithItsKey) {
  const std::string token = key_.token(claims());
  EXPECT_TRUE(verify(token));
  EXPECT_TRUE(verify(token));
  const Key next("2");
  keys_.publish({&next});
  EXPECT_FALSE(verify(token));
}

TEST_F(OidcVerifierTest, ARememberedTokenEndsInTime) {
  const std::string token = key_.token(claims());
  EXPECT_TRUE(verify(token));
  now_ = WallTime(2000s);
  EXPECT_THAT(verify(token).error().message(), HasSubstr("token is expired"));
}

TEST_F(OidcVerifierTest, WithoutKeysOnlyTokensOfThisIssuerSuffer) {
  keys_.set = nullptr;
  EXPECT_EQ(why_not(claims()),
            "oidc: authenticator for issuer \"https://id.example.com\" is not initialized");
  EXPECT_EQ(keys_.asked, 1);
  EXPECT_EQ(verify("of-an-account")->user.name, "account");
}

TEST_F(OidcVerifierTest, TokensOfOthersAreForOthers) {
  EXPECT_EQ(verify("of-an-account")->user.name, "account");
  EXPECT_EQ(verify(key_.token(R"({"iss":"https://other.example.com","aud":"kube","sub":"a"})"))
                .error()
                .message(),
            "no account's");
}

TEST_F(OidcVerifierTest, IsForTheServersAudienceAlone) {
  const std::string token = key_.token(claims());
  const std::vector<std::string> right = {"x", kServer};
  EXPECT_TRUE(verifier().verify(token, right, now_));
  const std::vector<std::string> wrong = {"x"};
  EXPECT_FALSE(verifier().verify(token, wrong, now_));
}

TEST(OidcServer, TakesATokenAndReviewsIt) {
  const Key key("1");
  FakeKeys keys;
  keys.publish({&key});
  ApiServerOptions options;
  options.plain_user = system_user();
  options.oidc = OidcOptions{.issuer = kIssuer,
                             .client_id = "kube",
                             .username_prefix = "id:",
                             .algorithms = {jose::JwsAlgorithm::kEs256},
                             .keys = &keys};
  TestServer server(std::move(options));
  const std::string token =
      key.token(fmt::format(R"({{"iss":"{}","aud":"kube","sub":"ann","exp":1e12}})", kIssuer));
  http::Request request = server.request("GET", "/api/v1/pods");
  request.headers.set("Authorization", "Bearer " + token);
  const http::Response known = server.send(request);
  EXPECT_THAT(std::string(server.parsed(known)["message"].text()),
              HasSubstr("User \"id:ann\" cannot list resource \"pods\""));
  request.headers.set("Authorization", "Bearer " + token + "x");
  const http::Response refused = server.send(request);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(server.parsed(refused)["message"].text(), "Unauthorized");
  const auto review = [&](const std::string& about) {
    return server.parsed(server.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                                     fmt::format(R"({{"spec":{{"token":"{}"}}}})", about)));
  };
  EXPECT_EQ(review(token)["status"]["user"]["username"].text(), "id:ann");
  EXPECT_THAT(std::string(review(token + "x")["status"]["error"].text()),
              HasSubstr("[invalid bearer token, oidc: verify token: "));
}

}  // namespace
}  // namespace insula::apiserver
