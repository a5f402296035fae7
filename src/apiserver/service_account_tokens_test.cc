#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"
#include "apiserver/token_claims.h"
#include "apiserver/token_request.h"
#include "apiserver/token_verifier.h"
#include "jose/base64url.h"
#include "jose/jwk_set.h"
#include "jose/jws.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kIssuer = "https://issuer.test";
const std::string kAccounts = "/api/v1/namespaces/a/serviceaccounts";
const std::string kPods = "/api/v1/namespaces/a/pods";

class ServiceAccountTokens : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_.run(reconcile_policy(*server_.registry)));
    make("/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    bot_uid_ = make(kAccounts, R"({"metadata":{"name":"bot"}})");
    make(kAccounts, R"({"metadata":{"name":"other"}})");
    make("/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings",
         R"({"metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"view"},)"
         R"("subjects":[{"kind":"ServiceAccount","name":"bot","namespace":"a"}]})");
  }

  static TokenAuthority authority(const jose::JwsKeyPair& pair) {
    return {TokenKeys::load(pair.private_pem, pair.public_pem).value(), kIssuer,
            "https://127.0.0.1:1/openid/v1/jwks"};
  }

  static ApiServerOptions options(const TokenAuthority& authority) {
    ApiServerOptions options;
    options.plain_user = system_user();
    options.tokens = authority;
    return options;
  }

  /// Returns the uid.
  std::string make(const std::string& target, const std::string& body) {
    const auto made = server_.send("POST", target, body);
    EXPECT_EQ(made.status, 201) << made.body;
    return std::string(TestServer::parsed(made)["metadata"]["uid"].text());
  }

  std::string make_pod(const std::string& name, const std::string& account) {
    return make(kPods, fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{)"
                                   R"("serviceAccountName":"{}","nodeName":"n","containers":)"
                                   R"([{{"name":"c","image":"i"}}],"volumes":[{{"name":"v",)"
                                   R"("projected":{{"sources":[{{"serviceAccountToken":)"
                                   R"({{"path":"t","audience":"vault"}}}}]}}}}]}}}})",
                                   name, account));
  }

  void remove(const std::string& target) {
    EXPECT_EQ(server_.send("DELETE", target + "?gracePeriodSeconds=0").status, 200) << target;
  }

  http::Response ask(const std::string& spec, const char* user = nullptr) {
    http::Request request = server_.request("POST", kAccounts + "/bot/token",
                                            fmt::format(R"({{"spec":{{{}}}}})", spec));
    if (user != nullptr) {
      request.headers.set("Impersonate-User", user);
      request.headers.set("Impersonate-Group", "system:nodes");
    }
    return server_.send(std::move(request));
  }

  std::string token(const std::string& spec = {}) {
    const auto made = ask(spec);
    EXPECT_EQ(made.status, 201) << made.body;
    return std::string(TestServer::parsed(made)["status"]["token"].text());
  }

  std::string refusal(const std::string& spec, const char* user = nullptr) {
    const auto refused = ask(spec, user);
    EXPECT_GE(refused.status, 400) << refused.body;
    return std::string(TestServer::parsed(refused)["message"].text());
  }

  http::Response with(const std::string& token, const std::string& target) {
    http::Request request = server_.request("GET", target);
    request.headers.set("Authorization", "Bearer " + token);
    return server_.send(std::move(request));
  }

  json::Value review(const std::string& token, const std::string& audiences = "[]") {
    const auto made = server_.send(
        "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
        fmt::format(R"({{"spec":{{"token":"{}","audiences":{}}}}})", token, audiences));
    EXPECT_EQ(made.status, 201) << made.body;
    return TestServer::parsed(made)["status"];
  }

  /// The claims of a token that is good.
  [[nodiscard]] TokenClaims good_claims() const {
    TokenClaims claims;
    claims.issuer = kIssuer;
    claims.audiences = {kIssuer};
    claims.id = "id";
    claims.name_space = "a";
    claims.account = {"bot", bot_uid_};
    claims.issued = claims.not_before = now_;
    claims.expires = now_ + std::chrono::hours(1);
    return claims;
  }

  [[nodiscard]] std::string why_refused(const std::string& token, WallTime now) {
    const auto outcome = verifier_.verify(token, {}, now);
    if (!outcome) {
      EXPECT_EQ(outcome.error().code(), ErrorCode::kUnauthenticated);
      return outcome.error().message();
    }
    return "accepted";
  }

  [[nodiscard]] std::string why_refused(const std::string& token) {
    return why_refused(token, now_);
  }

  [[nodiscard]] std::string why_claims_refused(const TokenClaims& claims) {
    return why_refused(authority_.keys.sign(write_claims(claims)).value());
  }

  const WallTime now_ = std::chrono::floor<std::chrono::seconds>(system_clock().wall());
  const jose::JwsKeyPair pair_ = jose::generate_es256_keys().value();
  const TokenAuthority authority_ = authority(pair_);
  TestServer server_{options(authority_)};
  TokenVerifier verifier_{*server_.store, authority_};
  std::string bot_uid_;
};

TEST_F(ServiceAccountTokens, AreIssuedWithKubernetesClaims) {
  const auto made = ask(R"("audiences":["x","y"],"expirationSeconds":700)");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value answer = TestServer::parsed(made);
  EXPECT_EQ(answer["kind"].text(), "TokenRequest");
  EXPECT_EQ(answer["apiVersion"].text(), "authentication.k8s.io/v1");
  EXPECT_EQ(answer["spec"]["expirationSeconds"].as_int64(), 700);
  const std::string text(answer["status"]["token"].text());
  const auto jws = jose::verify_jws(text, authority_.keys.public_keys());
  ASSERT_TRUE(jws);
  EXPECT_EQ(jws->algorithm, jose::JwsAlgorithm::kEs256);
  const json::Value claims = json::parse(jws->payload).value();
  EXPECT_EQ(claims["iss"].text(), kIssuer);
  EXPECT_EQ(claims["sub"].text(), "system:serviceaccount:a:bot");
  EXPECT_EQ(claims["aud"], (json::Array{"x", "y"}));
  EXPECT_EQ(*claims["exp"].as_int64() - *claims["iat"].as_int64(), 700);
  EXPECT_EQ(claims["nbf"], claims["iat"]);
  EXPECT_FALSE(claims["jti"].text().empty());
  EXPECT_EQ(claims["kubernetes.io"]["namespace"].text(), "a");
  EXPECT_EQ(claims["kubernetes.io"]["serviceaccount"]["name"].text(), "bot");
  EXPECT_EQ(claims["kubernetes.io"]["serviceaccount"]["uid"].text(), bot_uid_);
}

TEST_F(ServiceAccountTokens, LastAnHourUnlessAskedAndAYearAtMost) {
  for (const auto& [asked, given] : {std::pair{"", 3600},
                                     {R"("expirationSeconds":600)", 600},
                                     {R"("expirationSeconds":4000000000)", 365 * 86400}}) {
    const json::Value answer = TestServer::parsed(ask(asked));
    EXPECT_EQ(answer["spec"]["expirationSeconds"].as_int64(), given) << asked;
    EXPECT_EQ(answer["spec"]["audiences"], json::Array{kIssuer});
  }
  EXPECT_EQ(refusal(R"("expirationSeconds":599)"),
            "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid "
            "value: 599: may not specify a duration less than 10 minutes");
  EXPECT_THAT(refusal(R"("expirationSeconds":4294967297)"),
              HasSubstr("may not specify a duration larger than 2^32 seconds"));
}

TEST_F(ServiceAccountTokens, ActAsTheirAccount) {
  const std::string text = token();
  EXPECT_EQ(with(text, kPods).status, 200);
  EXPECT_EQ(with(text, "/api/v1/nodes").status, 403);
  EXPECT_THAT(with(text, "/api/v1/nodes").body, HasSubstr("system:serviceaccount:a:bot"));
  const json::Value status = review(text);
  EXPECT_EQ(status["authenticated"], json::Value(true));
  EXPECT_EQ(status["user"]["username"].text(), "system:serviceaccount:a:bot");
  EXPECT_EQ(status["user"]["uid"].text(), bot_uid_);
  EXPECT_EQ(
      status["user"]["groups"],
      (json::Array{"system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"}));
  const json::Value& credential =
      status["user"]["extra"]["authentication.kubernetes.io/credential-id"];
  ASSERT_NE(credential.as_array(), nullptr);
  EXPECT_THAT(std::string(credential.as_array()->at(0).text()), StartsWith("JTI="));
  EXPECT_EQ(status["audiences"], json::Array{kIssuer});
}

TEST_F(ServiceAccountTokens, AreForTheirAudiencesOnly) {
  const std::string text = token(R"("audiences":["vault"])");
  EXPECT_EQ(with(text, kPods).status, 401);
  EXPECT_EQ(review(text)["authenticated"], json::Value());
  EXPECT_THAT(std::string(review(text)["error"].text()),
              HasSubstr(R"(["vault"] is invalid for the target audiences)"));
  const json::Value status = review(text, R"(["x","vault"])");
  EXPECT_EQ(status["authenticated"], json::Value(true));
  EXPECT_EQ(status["audiences"], json::Array{"vault"});
}

TEST_F(ServiceAccountTokens, EndWithTheirAccount) {
  const std::string text = token();
  EXPECT_EQ(with(text, kPods).status, 200);
  remove(kAccounts + "/bot");
  EXPECT_EQ(with(text, kPods).status, 401);
  make(kAccounts, R"({"metadata":{"name":"bot"}})");
  EXPECT_EQ(with(text, kPods).status, 401);
  EXPECT_THAT(std::string(review(text)["error"].text()), HasSubstr("has been invalidated"));
}

TEST_F(ServiceAccountTokens, EndWithThePodTheyAreBoundTo) {
  const std::string uid = make_pod("p", "bot");
  const std::string text = token(R"("boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"p"})");
  const json::Value extra = review(text)["user"]["extra"];
  EXPECT_EQ(extra["authentication.kubernetes.io/pod-name"], json::Array{"p"});
  EXPECT_EQ(extra["authentication.kubernetes.io/pod-uid"], json::Array{uid});
  remove(kPods + "/p");
  EXPECT_EQ(with(text, kPods).status, 401);
  make_pod("p", "bot");
  EXPECT_EQ(with(text, kPods).status, 401);
}

TEST_F(ServiceAccountTokens, AreBoundToWhatIsThereOnly) {
  make_pod("q", "other");
  const auto bound = [](std::string_view kind, std::string_view name, std::string_view uid) {
    return fmt::format(
        R"("boundObjectRef":{{"kind":"{}","apiVersion":"v1","name":"{}","uid":"{}"}})", kind, name,
        uid);
  };
  EXPECT_EQ(refusal(bound("Pod", "p", "")), R"(pods "p" not found)");
  EXPECT_EQ(refusal(bound("Secret", "s", "")), R"(secrets "s" not found)");
  EXPECT_EQ(refusal(bound("Node", "n", "")), R"(nodes "n" not found)");
  EXPECT_EQ(refusal(bound("Pod", "q", "")),
            "cannot bind token for serviceaccount \"bot\" to pod running with different "
            "serviceaccount name.");
  EXPECT_EQ(refusal(bound("ConfigMap", "m", "")),
            "cannot bind token to object of type /v1, Kind=ConfigMap");
  make_pod("p", "bot");
  EXPECT_EQ(refusal(bound("Pod", "p", "other")),
            "Operation cannot be fulfilled on Pod \"p\": the UID in the bound object reference "
            "(other) does not match the UID in record. The object might have been deleted and then "
            "recreated");
  EXPECT_EQ(server_.send("POST", kAccounts + "/none/token", "{}").status, 404);
  EXPECT_EQ(server_.send("GET", kAccounts + "/bot/token").status, 405);
}

TEST_F(ServiceAccountTokens, AreGivenToNodesForTheirPodsOnly) {
  const std::string uid = make_pod("p", "bot");
  const std::string bound = fmt::format(
      R"("boundObjectRef":{{"kind":"Pod","apiVersion":"v1","name":"p","uid":"{}"}})", uid);
  EXPECT_EQ(ask(bound, "system:node:n").status, 201);
  EXPECT_EQ(ask(bound + R"(,"audiences":["vault"])", "system:node:n").status, 201);
  EXPECT_EQ(refusal(bound + R"(,"audiences":["bank"])", "system:node:n"),
            R"(serviceaccounts "bot" is forbidden: audience "bank" not found in pod spec volume)");
  EXPECT_THAT(refusal(bound, "system:node:m"), HasSubstr("scheduled on a different node"));
  EXPECT_THAT(refusal("", "system:node:n"), HasSubstr("token not bound to a pod"));
  EXPECT_THAT(
      refusal(R"("boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"p"})", "system:node:n"),
      HasSubstr("without a uid"));
}

TEST_F(ServiceAccountTokens, OfASecretAreGoodWhileItHoldsThem) {
  const std::string secrets = "/api/v1/namespaces/a/secrets";
  api::ServiceAccount account;
  account.metadata.name = "bot";
  account.metadata.namespace_ = "a";
  account.metadata.uid = bot_uid_;
  api::Secret secret;
  secret.metadata.name = "s";
  secret.metadata.uid = make(secrets, R"({"metadata":{"name":"s"}})");
  const TokenIssuer issuer(*server_.store, authority_, server_.loop.clock(), server_.random);
  const std::string text = issuer.token_of_secret(account, secret).value();
  EXPECT_EQ(why_refused(text), "the token is not the one that its Secret holds");
  const auto hold = [&](const std::string& held) {
    EXPECT_EQ(server_
                  .send("PATCH", secrets + "/s",
                        fmt::format(R"({{"stringData":{{"token":"{}"}}}})", held),
                        "application/merge-patch+json")
                  .status,
              200);
  };
  hold(text);
  EXPECT_EQ(why_refused(text), "accepted");
  EXPECT_EQ(why_refused(text, now_ + std::chrono::days(3650)), "accepted");
  hold("another");
  EXPECT_EQ(why_refused(text), "the token is not the one that its Secret holds");
  hold(text);
  remove(secrets + "/s");
  EXPECT_THAT(why_refused(text), HasSubstr("its Secret is gone"));
}

TEST_F(ServiceAccountTokens, AreGoodBetweenTheirTimesOnly) {
  const std::string text = authority_.keys.sign(write_claims(good_claims())).value();
  EXPECT_EQ(why_refused(text), "accepted");
  EXPECT_EQ(why_refused(text, now_ + std::chrono::seconds(3599)), "accepted");
  // Remembered or not.
  EXPECT_EQ(why_refused(text, now_ + std::chrono::hours(1)), "service account token has expired");
  EXPECT_EQ(why_refused(text, now_ - std::chrono::seconds(60)), "accepted");
  EXPECT_EQ(why_refused(text, now_ - std::chrono::seconds(61)),
            "service account token is not valid yet");
}

TEST_F(ServiceAccountTokens, MustBeSignedByThePlatformsKey) {
  const std::string claims = write_claims(good_claims());
  const auto encode = [](std::string_view text) { return jose::base64url_encode(text); };
  const std::string kid = authority_.keys.public_keys().front().id();
  const jose::JwsKeyPair stranger = jose::generate_es256_keys().value();
  const auto signer = jose::JwsSigner::from_private_pem(stranger.private_pem).value();
  // With the platform's kid, another, none, and a path in its place.
  for (const std::string& id :
       {kid, std::string("x"), std::string(), std::string("../../sa.key")}) {
    const std::string header = fmt::format(R"({{"alg":"ES256","kid":"{}"}})", id);
    const std::string input = encode(header) + "." + encode(claims);
    EXPECT_NE(why_refused(input + "." + encode(signer.sign(input).value())), "accepted") << id;
  }
  // Without a signature, and with the public key as the secret of an HMAC.
  for (const char* algorithm : {"none", "None", "HS256", "ES384", ""}) {
    const std::string header = fmt::format(R"({{"alg":"{}","kid":"{}"}})", algorithm, kid);
    EXPECT_NE(why_refused(encode(header) + "." + encode(claims) + "."), "accepted");
    EXPECT_NE(why_refused(encode(header) + "." + encode(claims) + "." +
                          encode(jose::sha256(pair_.public_pem + claims))),
              "accepted");
  }
  // A good one with another payload, and with what looks like the same signature.
  const std::string good = authority_.keys.sign(claims).value();
  ASSERT_EQ(why_refused(good), "accepted");
  TokenClaims other = good_claims();
  other.account.name = "other";
  const std::size_t first = good.find('.');
  const std::size_t second = good.find('.', first + 1);
  EXPECT_NE(
      why_refused(good.substr(0, first + 1) + encode(write_claims(other)) + good.substr(second)),
      "accepted");
  EXPECT_NE(why_refused(good + "="), "accepted");
  EXPECT_NE(why_refused(good + "."), "accepted");
  EXPECT_NE(why_refused(""), "accepted");
  EXPECT_NE(why_refused(std::string(9000, 'a')), "accepted");
}

TEST_F(ServiceAccountTokens, MustSayWhatTheServerSays) {
  TokenClaims claims = good_claims();
  claims.issuer = "https://elsewhere.test";
  EXPECT_EQ(why_claims_refused(claims), "the token is from another issuer");
  claims = good_claims();
  claims.audiences = {"elsewhere"};
  EXPECT_THAT(why_claims_refused(claims), HasSubstr("is invalid for the target audiences"));
  claims = good_claims();
  claims.account.uid = "another";
  EXPECT_THAT(why_claims_refused(claims), HasSubstr("the account is gone"));
  claims = good_claims();
  claims.node = {"n", "u"};
  EXPECT_THAT(why_claims_refused(claims), HasSubstr("its node is gone"));
  claims = good_claims();
  claims.expires.reset();
  EXPECT_EQ(why_claims_refused(claims), "the token has no end");
  const std::string text = write_claims(good_claims());
  const auto changed = [&](std::string_view from, std::string_view to) {
    std::string other = text;
    other.replace(other.find(from), from.size(), to);
    return why_refused(authority_.keys.sign(other).value());
  };
  EXPECT_EQ(changed("system:serviceaccount:a:bot", "system:serviceaccount:b:bot"),
            "the token's subject is not its ServiceAccount");
  EXPECT_NE(changed(R"("jti")", R"("jti":"x","jti")"), "accepted");
  EXPECT_NE(changed(R"("exp":)", R"("exp":"x","e":)"), "accepted");
}

TEST_F(ServiceAccountTokens, OfAnEarlierKeyAreGoodWhileItIsKept) {
  const std::string text = token();
  const jose::JwsKeyPair next = jose::generate_es256_keys().value();
  const TokenAuthority rotated{
      TokenKeys::load(next.private_pem, next.public_pem + pair_.public_pem).value(), kIssuer, ""};
  EXPECT_TRUE(TokenVerifier(*server_.store, rotated).verify(text, {}, now_));
  EXPECT_EQ(rotated.keys.public_keys().size(), 2U);
  EXPECT_FALSE(TokenVerifier(*server_.store, authority(next)).verify(text, {}, now_));
}

TEST_F(ServiceAccountTokens, CanBeVerifiedByOthers) {
  const json::Value discovery =
      TestServer::parsed(with(token(), "/.well-known/openid-configuration"));
  EXPECT_EQ(discovery["issuer"].text(), kIssuer);
  EXPECT_EQ(discovery["jwks_uri"].text(), "https://127.0.0.1:1/openid/v1/jwks");
  EXPECT_EQ(discovery["id_token_signing_alg_values_supported"], json::Array{"ES256"});
  const auto keys = with(token(), "/openid/v1/jwks");
  EXPECT_EQ(keys.headers.get("Content-Type"), "application/jwk-set+json");
  const auto set = jose::parse_jwk_set(keys.body);
  ASSERT_TRUE(set) << keys.body;
  EXPECT_TRUE(jose::verify_jws(token(), set->keys));
}

}  // namespace
}  // namespace insula::apiserver
