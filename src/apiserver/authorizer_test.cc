#include "apiserver/authorizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apiserver/authentication.h"
#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

struct Case {
  const char* method;
  const char* target;
  bool allowed;
};

/// Users with fixed groups, over the default policy.
class AuthorizerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<> policy = server_.run(reconcile_policy(*server_.registry));
    ASSERT_TRUE(policy) << policy.error().message();
    make_namespace(
        "t-home",
        R"([{"apiVersion":"insula.dev/v1alpha1","kind":"Tenant","name":"t","uid":"u","controller":true}])");
    make_namespace(
        "t-looks",
        R"([{"apiVersion":"insula.dev/v1alpha1","kind":"Tenant","name":"t","uid":"u"}])");
    make_namespace("other", "[]", R"({"insula.dev/tenant":"t"})");
  }

  void make_namespace(std::string_view name,
                      std::string_view owners,
                      std::string_view labels = "{}") {
    const auto made = server_.send(
        "POST", "/api/v1/namespaces",
        fmt::format(R"({{"metadata":{{"name":"{}","ownerReferences":{},"labels":{}}}}})", name,
                    owners, labels));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  void expect(const User& user, std::initializer_list<Case> cases) {
    Authorizer authorizer(*server_.store);
    for (const Case& c : cases) {
      const auto info = parse_request_info(c.method, c.target);
      ASSERT_TRUE(info) << c.target;
      const auto outcome = authorizer.authorize(user, *info);
      EXPECT_EQ(outcome.has_value(), c.allowed) << c.method << " " << c.target;
      if (!outcome) EXPECT_EQ(outcome.error().code(), ErrorCode::kForbidden);
    }
  }

  TestServer server_;
};

TEST_F(AuthorizerTest, LetsMastersDoEverything) {
  expect({"insula-admin", {"system:masters"}}, {{"DELETE", "/api/v1/nodes/x", true},
                                                {"GET", "/metrics", true},
                                                {"GET", "/api/v1/secrets", true}});
}

TEST_F(AuthorizerTest, GivesATenantsMembersNothingByTheirGroupAlone) {
  expect({"ann", {"insula:tenant:t", "system:authenticated"}},
         {{"GET", "/api/v1/namespaces/t-home/pods", false},
          {"GET", "/api/v1/namespaces/t-home", false},
          {"GET", "/api/v1/namespaces/t-looks/pods", false},
          {"GET", "/api/v1/namespaces/other/pods", false},
          {"GET", "/apis/insula.dev/v1alpha1/tenants/t", false},
          {"GET", "/apis", true}});
}

TEST_F(AuthorizerTest, LetsPrometheusReadMetricsAndNothingElse) {
  expect({"insula-metrics", {"insula:metrics", "system:authenticated"}},
         {{"GET", "/metrics", true},
          {"GET", "/metrics/node", true},
          {"GET", "/apis", true},
          {"GET", "/api/v1/nodes", false},
          {"GET", "/api/v1/secrets", false},
          {"POST", "/api/v1/namespaces/x/events", false}});
}

TEST_F(AuthorizerTest, LetsANodeSpeakForItselfOnly) {
  expect({"system:node:n1", {"system:nodes"}},
         {{"GET", "/api/v1/pods?watch=true", true},
          {"GET", "/api/v1/namespaces/a/secrets/s", true},
          {"POST", "/api/v1/nodes", true},
          {"PUT", "/api/v1/nodes/n1/status", true},
          {"PATCH", "/api/v1/namespaces/a/pods/x/status", true},
          {"DELETE", "/api/v1/namespaces/a/pods/x", true},
          {"PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1", true},
          {"POST", "/api/v1/namespaces/a/events", true},
          {"GET", "/api/v1/namespaces/a/pods/x/status", true},
          {"GET", "/api/v1/namespaces/a/pods/x/exec", false},
          {"GET", "/api/v1/namespaces/a/pods/x/log", false},
          {"DELETE", "/api/v1/namespaces/a/events", false},
          {"DELETE", "/api/v1/namespaces/a/events/e", false},
          {"DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", false},
          {"PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2", false},
          {"PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/n1", false},
          {"PUT", "/api/v1/nodes/n2/status", false},
          {"DELETE", "/api/v1/nodes/n1", false},
          {"POST", "/api/v1/namespaces/a/pods", false},
          {"PATCH", "/api/v1/namespaces/a/pods/x", false},
          {"PUT", "/api/v1/namespaces/a/secrets/s", false},
          {"PATCH", "/apis/insula.dev/v1alpha1/tenants/t", false}});
}

TEST_F(AuthorizerTest, LetsTheGatewayReadWhatRoutesAreMadeOf) {
  expect({"insula-gateway", {"insula:gateway"}},
         {{"GET", "/apis/insula.dev/v1alpha1/tenants?watch=1", true},
          {"GET", "/apis/discovery.k8s.io/v1/endpointslices", true},
          {"POST", "/api/v1/namespaces/a/events", true},
          {"GET", "/api/v1/pods", false},
          {"GET", "/api/v1/namespaces/insula-system/configmaps/model-prices", true},
          {"GET",
           "/api/v1/namespaces/insula-system/"
           "configmaps?watch=1&fieldSelector=metadata.name%3Dmodel-prices",
           true},
          {"GET", "/api/v1/namespaces/insula-system/configmaps", false},
          {"GET", "/api/v1/namespaces/insula-system/configmaps/other", false},
          {"GET", "/api/v1/namespaces/a/configmaps/model-prices", false},
          {"PUT", "/api/v1/namespaces/insula-system/configmaps/model-prices", false},
          {"DELETE", "/api/v1/namespaces/insula-system/secrets/s", false},
          {"PATCH", "/apis/insula.dev/v1alpha1/tenants/t", false}});
}

TEST_F(AuthorizerTest, ShowsTheGatewayOnlyTheSecretsThatItNeeds) {
  const auto made =
      server_.send("POST", "/apis/insula.dev/v1alpha1/tenants",
                   R"({"metadata":{"name":"t"},"spec":{"namespaces":["t-home"],"gateway":{"jwt":[
          {"issuer":"i","audiences":["a"],"secretRef":{"name":"hmac","key":"k"}},
          {"issuer":"https://idp","audiences":["a"],"caRef":{"name":"idp-ca","key":"ca.crt"}}],
          "models":[{"name":"m","backends":[{"provider":{"baseURL":"https://p/v1",
          "apiKeyRef":{"name":"key","key":"k"},"caRef":{"name":"p-ca","key":"c"}}}]}]}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const char* system = "/api/v1/namespaces/insula-system/secrets";
  const auto in_system = [&](const char* rest) { return std::string(system) + rest; };
  for (const auto& [target, allowed] : std::initializer_list<std::pair<std::string, bool>>{
           {in_system("?fieldSelector=type%3Dinsula.dev%2Fapi-key"), true},
           {in_system("?watch=1&fieldSelector=type%3Dinsula.dev%2Fapi-key"), true},
           {in_system("?watch=1&fieldSelector=metadata.name%3Dtoken-issuer-public"), true},
           {in_system("/token-issuer-public"), true},
           {in_system(""), false},
           {in_system("?fieldSelector=type%21%3Dinsula.dev%2Fapi-key"), false},
           {in_system("?fieldSelector=type%3DOpaque"), false},
           {in_system("?fieldSelector=metadata.name%3Dtoken-issuer"), false},
           {in_system("/token-issuer"), false},
           {in_system("/token-issuer?fieldSelector=type%3Dinsula.dev%2Fapi-key"), false},
           {"/api/v1/secrets?fieldSelector=type%3Dinsula.dev%2Fapi-key", false},
           {"/api/v1/namespaces/t-home/secrets?fieldSelector=metadata.name%3Dhmac", true},
           {"/api/v1/namespaces/t-home/secrets/hmac", true},
           {"/api/v1/namespaces/t-home/secrets/idp-ca", true},
           {"/api/v1/namespaces/t-home/secrets/key", true},
           {"/api/v1/namespaces/t-home/secrets/p-ca", true},
           {"/api/v1/namespaces/other/secrets/key", false},
           {in_system("?watch=1&fieldSelector=type%3Dinsula.dev%2Fprovider-key"), true},
           {in_system("/key"), false},
           {"/api/v1/namespaces/t-home/secrets/other", false},
           {"/api/v1/namespaces/t-home/secrets", false},
           {"/api/v1/namespaces/t-looks/secrets/hmac", false},
           {"/api/v1/namespaces/other/secrets/hmac", false}}) {
    expect({"insula-gateway", {"insula:gateway"}}, {{"GET", target.c_str(), allowed}});
  }
}

TEST_F(AuthorizerTest, ShowsTheGatewayTheCertificatesOfIngresses) {
  const auto made = server_.send(
      "POST", "/apis/networking.k8s.io/v1/namespaces/t-home/ingresses",
      R"({"metadata":{"name":"web"},"spec":{"tls":[{"hosts":["a.test"],"secretName":"cert"}],
          "defaultBackend":{"service":{"name":"web","port":{"number":80}}}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  expect({"insula-gateway", {"insula:gateway"}},
         {{"GET", "/apis/networking.k8s.io/v1/ingresses?watch=1", true},
          {"GET", "/apis/networking.k8s.io/v1/ingressclasses", true},
          {"GET", "/api/v1/namespaces/t-home/secrets/cert", true},
          {"GET", "/api/v1/namespaces/t-home/secrets?watch=1&fieldSelector=metadata.name%3Dcert",
           true},
          {"GET", "/api/v1/namespaces/t-home/secrets/other", false},
          {"GET", "/api/v1/namespaces/t-looks/secrets/cert", false},
          {"GET", "/api/v1/secrets?fieldSelector=metadata.name%3Dcert", false},
          {"GET", "/api/v1/namespaces/insula-system/secrets/cert", false},
          {"GET", "/api/v1/namespaces/insula-system/configmaps/ingress-hosts", true},
          {"GET", "/apis/apps/v1/namespaces/insula-system/controllerrevisions?watch=1", true},
          {"GET", "/apis/apps/v1/controllerrevisions", false},
          {"GET", "/apis/apps/v1/namespaces/a/controllerrevisions", false},
          {"POST", "/apis/apps/v1/namespaces/insula-system/controllerrevisions", false},
          {"GET", "/apis/apps/v1/namespaces/insula-system/deployments", false},
          {"PUT", "/apis/networking.k8s.io/v1/namespaces/t-home/ingresses/web", false}});
}

TEST_F(AuthorizerTest, ShowsTheGatewayTheCertificatesOfListeners) {
  const std::string group = "/apis/gateway.networking.k8s.io/v1";
  const auto made = server_.send("POST", group + "/namespaces/t-home/gateways",
                                 R"({"metadata":{"name":"web"},"spec":{"gatewayClassName":"insula",
          "listeners":[{"name":"a","port":443,"protocol":"HTTPS","tls":{"certificateRefs":[
          {"name":"cert"},{"name":"theirs","namespace":"t-looks"}]}}]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto expect_theirs = [&](bool allowed) {
    expect({"insula-gateway", {"insula:gateway"}},
           {{"GET", "/apis/gateway.networking.k8s.io/v1/httproutes?watch=1", true},
            {"GET", "/api/v1/namespaces/t-home/secrets/cert", true},
            {"GET", "/api/v1/namespaces/t-home/secrets/theirs", false},
            {"GET", "/api/v1/namespaces/t-looks/secrets/cert", false},
            {"GET", "/api/v1/namespaces/t-looks/secrets/theirs", allowed},
            {"GET", "/api/v1/secrets?fieldSelector=metadata.name%3Dcert", false}});
  };
  expect_theirs(false);
  const auto granted = server_.send("POST", group + "/namespaces/t-looks/referencegrants",
                                    R"({"metadata":{"name":"web"},"spec":{"from":[
          {"group":"gateway.networking.k8s.io","kind":"Gateway","namespace":"t-home"}],
          "to":[{"group":"","kind":"Secret","name":"theirs"}]}})");
  ASSERT_EQ(granted.status, 201) << granted.body;
  expect_theirs(true);
}

TEST(Authenticate, TakesTheUserFromTheCertificate) {
  const net::TlsPeer peer{"ann", {"insula:tenant:t"}, "0a1b"};
  const auto user = authenticate(&peer, "", nullptr, {});
  ASSERT_TRUE(user);
  EXPECT_EQ(user->name, "ann");
  EXPECT_EQ(user->extra.at("authentication.kubernetes.io/credential-id"),
            std::vector<std::string>{"X509SHA256=0a1b"});
  EXPECT_TRUE(user->in("insula:tenant:t"));
  EXPECT_TRUE(user->in("system:authenticated"));
}

TEST(Authenticate, TakesAClientWithoutACertificateForAnonymous) {
  const net::TlsPeer nobody;
  const auto user = authenticate(&nobody, "", nullptr, {});
  ASSERT_TRUE(user);
  EXPECT_EQ(user->name, "system:anonymous");
  EXPECT_EQ(user->groups, std::vector<std::string>{"system:unauthenticated"});
}

TEST(Authenticate, KnowsNobodyElse) {
  const net::TlsPeer nobody;
  for (const auto& [who, token] : {std::pair{&nobody, "Bearer x"}, std::pair{&nobody, "Basic x"},
                                   std::pair{static_cast<const net::TlsPeer*>(nullptr), ""}}) {
    const auto user = authenticate(who, token, nullptr, {});
    ASSERT_FALSE(user);
    EXPECT_EQ(user.error().code(), ErrorCode::kUnauthenticated);
  }
}

}  // namespace
}  // namespace insula::apiserver
