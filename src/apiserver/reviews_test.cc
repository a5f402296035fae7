#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

const std::string kAuthorization = "/apis/authorization.k8s.io/v1/";
const std::string kAuthentication = "/apis/authentication.k8s.io/v1/";

class Reviews : public ::testing::Test {
 protected:
  Reviews() {
    const Result<> policy = server_.run(reconcile_policy(*server_.registry));
    EXPECT_TRUE(policy);
    make("/api/v1/namespaces", "metadata: {name: a}");
    make("/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles",
         "metadata: {name: r}\nrules:\n"
         "- {verbs: [get, list], apiGroups: [''], resources: [pods]}\n"
         "- {verbs: [get], apiGroups: [''], resources: [secrets], resourceNames: [s]}");
    make("/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings",
         "metadata: {name: b}\nroleRef: {kind: Role, name: r}\n"
         "subjects: [{kind: User, name: ann}, {kind: Group, name: devs}]");
  }

  void make(const std::string& target, const std::string& yaml) {
    const auto made = server_.send("POST", target, yaml, "application/yaml");
    EXPECT_EQ(made.status, 201) << target << yaml << made.body;
  }

  http::Response as(const char* user, const std::string& target, std::string body) {
    http::Request request = server_.request("POST", target, std::move(body), "application/yaml");
    if (user != nullptr) request.headers.set("Impersonate-User", user);
    return server_.send(std::move(request));
  }

  json::Value answer(const char* user, const std::string& target, std::string body) {
    const auto made = as(user, target, std::move(body));
    EXPECT_EQ(made.status, 201) << made.body;
    return TestServer::parsed(made)["status"];
  }

  std::string message(const char* user, const std::string& target, std::string body) {
    const auto made = as(user, target, std::move(body));
    EXPECT_GE(made.status, 400) << made.body;
    return std::string(TestServer::parsed(made)["message"].text());
  }

  TestServer server_;
};

TEST_F(Reviews, TellCallersWhatTheyMayDo) {
  const std::string target = kAuthorization + "selfsubjectaccessreviews";
  const auto may = answer("ann", target,
                          "spec: {resourceAttributes: {verb: list, resource: pods, namespace: a}}");
  EXPECT_EQ(may["allowed"], json::Value(true));
  EXPECT_EQ(may["reason"].text(),
            R"(RBAC: allowed by RoleBinding "b/a" of Role "r" to User "ann")");
  const auto may_not = answer(
      "ann", target, "spec: {resourceAttributes: {verb: delete, resource: pods, namespace: a}}");
  EXPECT_EQ(may_not["allowed"], json::Value(false));
  const auto named =
      answer("ann", target,
             "spec: {resourceAttributes: {verb: get, resource: secrets, name: s, namespace: a}}");
  EXPECT_EQ(named["allowed"], json::Value(true));
  const auto path =
      answer("ann", target, "spec: {nonResourceAttributes: {verb: get, path: /apis}}");
  EXPECT_EQ(path["allowed"], json::Value(true));
  EXPECT_EQ(answer("ann", target,
                   "spec: {nonResourceAttributes: {verb: get, path: /metrics}}")["allowed"],
            json::Value(false));
}

TEST_F(Reviews, AreAnsweredAsWhatTheyAreOnly) {
  const auto status = [&](const std::string& accept) {
    http::Request request =
        server_.request("POST", kAuthorization + "selfsubjectaccessreviews",
                        R"({"spec":{"nonResourceAttributes":{"path":"/","verb":"get"}}})");
    request.headers.set("Accept", accept);
    return server_.send(std::move(request)).status;
  };
  EXPECT_EQ(status("application/json;as=Table;v=v1;g=meta.k8s.io"), 406);
  EXPECT_EQ(status("application/json;as=Table;v=v1;g=meta.k8s.io, application/json"), 201);
  EXPECT_EQ(status("application/vnd.kubernetes.protobuf, */*"), 201);
}

TEST_F(Reviews, SeeWhatASelectorNarrows) {
  const std::string target = kAuthorization + "subjectaccessreviews";
  const auto ask = [&](const char* selector) {
    return answer(
        nullptr, target,
        fmt::format("spec: {{user: g, groups: ['insula:gateway'], resourceAttributes: {{verb: "
                    "list, resource: secrets, namespace: insula-system, fieldSelector: {}}}}}",
                    selector))["allowed"];
  };
  EXPECT_EQ(ask("{rawSelector: 'type=insula.dev/api-key'}"), json::Value(true));
  EXPECT_EQ(ask("{requirements: [{key: type, operator: In, values: [insula.dev/api-key]}]}"),
            json::Value(true));
  EXPECT_EQ(ask("{requirements: [{key: type, operator: NotIn, values: [insula.dev/api-key]}]}"),
            json::Value(false));
  EXPECT_EQ(ask("{}"), json::Value(false));
}

TEST_F(Reviews, TellWhatOthersMayDoToThoseWhoMayAsk) {
  const std::string target = kAuthorization + "subjectaccessreviews";
  const std::string body =
      "spec: {user: zoe, groups: [devs], resourceAttributes: {verb: get, resource: pods, "
      "namespace: a}}";
  EXPECT_EQ(answer(nullptr, target, body)["allowed"], json::Value(true));
  EXPECT_EQ(as("ann", target, body).status, 403);
  const std::string local = kAuthorization + "namespaces/a/localsubjectaccessreviews";
  EXPECT_EQ(answer(nullptr, local, body)["allowed"], json::Value(true));
  EXPECT_EQ(
      answer(nullptr, local,
             "spec: {user: zoe, resourceAttributes: {verb: get, resource: pods, namespace: a}}")
          ["allowed"],
      json::Value(false));
}

TEST_F(Reviews, RefuseQuestionsThatMakeNoSense) {
  const std::string self = kAuthorization + "selfsubjectaccessreviews";
  EXPECT_EQ(message("ann", self, "spec: {}"),
            "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: "
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or "
            "resourceAttributes must be specified");
  EXPECT_EQ(
      message("ann", self,
              "metadata: {name: x}\nspec: {nonResourceAttributes: {verb: get, path: /}}"),
      "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: metadata: Invalid value: "
      "{...}: must be empty");
  EXPECT_TRUE(message("ann", self, "spec: {resourceAttributes: {}, nonResourceAttributes: {}}")
                  .ends_with("cannot be specified in combination with resourceAttributes"));
  EXPECT_TRUE(
      message(nullptr, kAuthorization + "subjectaccessreviews", "spec: {resourceAttributes: {}}")
          .ends_with(
              "spec.user: Invalid value: \"\": at least one of user or group must be specified"));
  EXPECT_TRUE(message(nullptr, kAuthorization + "namespaces/a/localsubjectaccessreviews",
                      "spec: {user: x, resourceAttributes: {namespace: b}}")
                  .ends_with("spec.resourceAttributes.namespace: Invalid value: \"b\": must match "
                             "metadata.namespace"));
  EXPECT_EQ(message("ann", kAuthorization + "selfsubjectrulesreviews", "spec: {}"),
            "no namespace on request");
  EXPECT_EQ(message(nullptr, kAuthentication + "tokenreviews", "spec: {token: ''}"),
            "token is required for TokenReview in authentication");
}

TEST_F(Reviews, ListTheRulesOfTheCaller) {
  const auto status =
      answer("ann", kAuthorization + "selfsubjectrulesreviews", "spec: {namespace: a}");
  EXPECT_EQ(status["incomplete"], json::Value(false));
  std::string resources;
  for (const json::Value& rule : *status["resourceRules"].as_array())
    resources += json::write(rule) + "\n";
  EXPECT_TRUE(resources.contains(
      R"({"verbs":["get"],"apiGroups":[""],"resources":["secrets"],"resourceNames":["s"]})"))
      << resources;
  EXPECT_TRUE(resources.contains("selfsubjectrulesreviews")) << resources;
  bool discovery = false;
  for (const json::Value& rule : *status["nonResourceRules"].as_array())
    discovery = discovery || json::write(rule).contains("/openapi/*");
  EXPECT_TRUE(discovery);
  const auto elsewhere =
      answer("ann", kAuthorization + "selfsubjectrulesreviews", "spec: {namespace: b}");
  EXPECT_FALSE(json::write(elsewhere).contains("pods"));
}

TEST_F(Reviews, TellCallersWhoTheyAre) {
  http::Request request =
      server_.request("POST", kAuthentication + "selfsubjectreviews", "{}", "application/json");
  request.headers.set("Impersonate-User", "bob");
  request.headers.set("Impersonate-Uid", "u-1");
  request.headers.set("Impersonate-Group", "devs");
  request.headers.set("Impersonate-Extra-Scopes", "view");
  const auto made = server_.send(std::move(request));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(
      json::write(TestServer::parsed(made)["status"]["userInfo"]),
      R"({"username":"bob","uid":"u-1","groups":["devs","system:authenticated"],"extra":{"scopes":["view"]}})");
}

TEST_F(Reviews, AreOnlyAsked) {
  for (const std::string& target :
       {kAuthorization + "selfsubjectaccessreviews", kAuthorization + "subjectaccessreviews",
        kAuthentication + "tokenreviews"}) {
    for (const char* method : {"GET", "DELETE"})
      EXPECT_EQ(server_.send(method, target).status, 405) << method << target;
    for (const char* method : {"GET", "PUT", "PATCH", "DELETE", "POST"})
      EXPECT_EQ(server_.send(method, target + "/x", "{}").status, 404) << method << target;
  }
  EXPECT_EQ(server_.send("POST", kAuthorization + "localsubjectaccessreviews", "{}").status, 404);
  EXPECT_EQ(
      server_.send("POST", kAuthorization + "namespaces/a/selfsubjectaccessreviews", "{}").status,
      404);
}

}  // namespace
}  // namespace insula::apiserver
