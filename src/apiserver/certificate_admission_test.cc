#include "apiserver/certificate_admission.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "apiserver/test_server.h"
#include "net/certificate_request.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

const std::string kRequests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
constexpr const char* kUsages = R"("usages":["client auth"])";

class CertificateAdmission : public ::testing::Test {
 protected:
  void SetUp() override {
    make_role("asks",
              R"({"apiGroups":["certificates.k8s.io"],"verbs":["*"],)"
              R"("resources":["certificatesigningrequests",)"
              R"("certificatesigningrequests/approval","certificatesigningrequests/status"]})");
    make_role("approves", R"({"apiGroups":["certificates.k8s.io"],"verbs":["approve"],)"
                          R"("resources":["signers"],"resourceNames":["kubernetes.io/*"]})");
    bind("asks", "ann");
    bind("asks", "bob");
    bind("approves", "bob");
  }

  void make_role(const std::string& name, const std::string& rule) {
    EXPECT_EQ(server_
                  .send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                        fmt::format(R"({{"metadata":{{"name":"{}"}},"rules":[{}]}})", name, rule))
                  .status,
              201);
  }

  void bind(const std::string& role, const std::string& user) {
    EXPECT_EQ(server_
                  .send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                        fmt::format(R"({{"metadata":{{"name":"{}-{}"}},"roleRef":{{"kind":)"
                                    R"("ClusterRole","name":"{}"}},"subjects":[{{"kind":"User",)"
                                    R"("name":"{}"}}]}})",
                                    role, user, role, user))
                  .status,
              201);
  }

  http::Response as(const std::string& user,
                    const char* method,
                    const std::string& target,
                    const std::string& body,
                    const char* type = "application/json") {
    http::Request request = server_.request(method, target, body, type);
    request.headers.set("Impersonate-User", user);
    return server_.send(std::move(request));
  }

  static std::string body(const std::string& name,
                          const std::string& more = kUsages,
                          const std::string& group = "devs",
                          const std::string& signer = "kubernetes.io/kube-apiserver-client") {
    const auto made = net::make_certificate_request({"carol", {group}});
    return fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{"request":"{}","signerName":"{}",)"
                       R"({}}}}})",
                       name, api::base64_encode(made->request), signer, more);
  }

  static std::string condition(const char* type) {
    return fmt::format(R"({{"status":{{"conditions":[{{"type":"{}","status":"True"}}]}}}})", type);
  }

  http::Response decide(const std::string& user, const std::string& name, const char* type) {
    return as(user, "PATCH", kRequests + "/" + name + "/approval", condition(type),
              "application/merge-patch+json");
  }

  static std::string message(const http::Response& response) {
    return std::string(TestServer::parsed(response)["message"].text());
  }

  TestServer server_;
};

TEST_F(CertificateAdmission, WritesDownWhoAsked) {
  const auto made =
      as("ann", "POST", kRequests,
         body("a", std::string(kUsages) + R"(,"username":"root","groups":["system:masters"])"));
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value spec = TestServer::parsed(made)["spec"];
  EXPECT_EQ(spec["username"].text(), "ann");
  EXPECT_EQ(spec["groups"], json::Array{"system:authenticated"});
}

TEST_F(CertificateAdmission, RefusesWhatIsNoRequest) {
  const auto refused = as("ann", "POST", kRequests,
                          R"({"metadata":{"name":"a"},"spec":{"request":"eA==","signerName":)"
                          R"("kubernetes.io/kube-apiserver-client","usages":["client auth"]}})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(message(refused), HasSubstr("PEM block type must be CERTIFICATE REQUEST"));
  const auto masters = as("ann", "POST", kRequests, body("a", kUsages, "system:masters"));
  EXPECT_EQ(masters.status, 403);
  EXPECT_THAT(message(masters),
              HasSubstr("use of kubernetes.io/kube-apiserver-client signer with system:masters "
                        "group is not allowed"));
  EXPECT_THAT(message(as("ann", "POST", kRequests, body("a", R"("usages":[])"))),
              HasSubstr("spec.usages: Required value"));
  EXPECT_THAT(message(as("ann", "POST", kRequests, body("a", R"("usages":["x"])"))),
              HasSubstr("spec.usages[0]: Unsupported value: \"x\""));
  EXPECT_THAT(message(as("ann", "POST", kRequests,
                         body("a", std::string(kUsages) + R"(,"expirationSeconds":599)"))),
              HasSubstr("may not specify a duration less than 600 seconds (10 minutes)"));
  EXPECT_THAT(message(as("ann", "POST", kRequests, body("a", kUsages, "devs", "signer"))),
              HasSubstr("must be a fully qualified domain and path"));
}

TEST_F(CertificateAdmission, LetsApproveOnlyWhoMayForTheSigner) {
  ASSERT_EQ(as("ann", "POST", kRequests, body("a")).status, 201);
  const auto refused = decide("ann", "a", "Approved");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(message(refused),
            "certificatesigningrequests.certificates.k8s.io \"a\" is forbidden: user not permitted "
            "to approve requests with signerName \"kubernetes.io/kube-apiserver-client\"");
  const auto approved = decide("bob", "a", "Approved");
  ASSERT_EQ(approved.status, 200) << approved.body;
  const json::Value decision =
      TestServer::parsed(approved)["status"]["conditions"].as_array()->at(0);
  EXPECT_FALSE(decision["lastUpdateTime"].text().empty());
  EXPECT_FALSE(decision["lastTransitionTime"].text().empty());
  ASSERT_EQ(as("ann", "POST", kRequests, body("b", kUsages, "devs", "example.com/other")).status,
            201);
  EXPECT_EQ(decide("bob", "b", "Approved").status, 403);
}

TEST_F(CertificateAdmission, LetsSignOnlyWhoMayForTheSigner) {
  ASSERT_EQ(as("ann", "POST", kRequests, body("a")).status, 201);
  const auto sign = [&](const char* user) {
    return as(user, "PATCH", kRequests + "/a/status", R"({"status":{"certificate":"eA=="}})",
              "application/merge-patch+json");
  };
  EXPECT_THAT(message(sign("bob")), HasSubstr("user not permitted to sign requests"));
  make_role("signs", R"({"apiGroups":["certificates.k8s.io"],"verbs":["sign"],)"
                     R"("resources":["signers"],"resourceNames":)"
                     R"(["kubernetes.io/kube-apiserver-client"]})");
  bind("signs", "bob");
  EXPECT_EQ(sign("bob").status, 200);
  // Who may sign may not approve by the way, and nobody changes what is signed.
  EXPECT_EQ(as("bob", "PATCH", kRequests + "/a/status", condition("Approved"),
               "application/merge-patch+json")
                .status,
            422);
  EXPECT_EQ(as("bob", "PATCH", kRequests + "/a/status", R"({"status":{"certificate":"eQ=="}})",
               "application/merge-patch+json")
                .status,
            422);
}

TEST_F(CertificateAdmission, TakesNoDecisionBack) {
  ASSERT_EQ(as("ann", "POST", kRequests, body("a")).status, 201);
  ASSERT_EQ(decide("bob", "a", "Denied").status, 200);
  EXPECT_THAT(message(decide("bob", "a", "Approved")),
              HasSubstr("updates may not remove a condition of type \"Denied\""));
  // A write to the object itself changes neither what was asked for nor what was decided.
  const auto updated = as("ann", "PATCH", kRequests + "/a",
                          R"({"spec":{"usages":["server auth"]},"status":{"conditions":[]}})",
                          "application/merge-patch+json");
  ASSERT_EQ(updated.status, 200) << updated.body;
  EXPECT_EQ(TestServer::parsed(updated)["spec"]["usages"], json::Array{"client auth"});
  EXPECT_EQ(TestServer::parsed(updated)["status"]["conditions"].as_array()->size(), 1U);
}

}  // namespace
}  // namespace insula::apiserver
