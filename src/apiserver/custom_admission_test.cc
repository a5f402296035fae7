#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_hook.h"
#include "apiserver/test_server.h"
#include "testing/certificate.h"

namespace insula::apiserver {
namespace {

using ::testing::SizeIs;

constexpr std::string_view kGroup = "/apis/admissionregistration.k8s.io/v1/";
constexpr const char* kNew = "/apis/example.com/v2/caps";
constexpr const char* kOld = "/apis/example.com/v1/caps";

/// What policies and webhooks make of objects of custom kinds.
class CustomAdmissionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    constexpr const char* kDefinition = R"({
      "metadata": {"name": "caps.example.com"},
      "spec": {
        "group": "example.com", "scope": "Cluster",
        "names": {"plural": "caps", "kind": "Cap"},
        "versions": [
          {"name": "v2", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "properties": {
              "max": {"type": "integer"}, "note": {"type": "string"}}}}}}},
          {"name": "v1", "served": true, "storage": false, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "properties": {
              "max": {"type": "integer"}}}}}}}]}})";
    ASSERT_EQ(
        server_.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", kDefinition)
            .status,
        201);
  }

  json::Value make_policy(std::string_view match_policy, std::string_view expression) {
    const auto made = server_.send(
        "POST", std::string(kGroup) + "validatingadmissionpolicies",
        fmt::format(
            R"({{"metadata":{{"name":"p"}},"spec":{{"matchConstraints":{{"matchPolicy":"{}",
               "resourceRules":[{{"apiGroups":["example.com"],"apiVersions":["v1"],
               "operations":["CREATE","UPDATE"],"resources":["caps"]}}]}},
               "validations":[{{"expression":"{}"}}]}}}})",
            match_policy, expression));
    EXPECT_EQ(made.status, 201) << made.body;
    const auto bound =
        server_.send("POST", std::string(kGroup) + "validatingadmissionpolicybindings",
                     R"({"metadata":{"name":"b"},"spec":{"policyName":"p",
                        "validationActions":["Deny"]}})");
    EXPECT_EQ(bound.status, 201) << bound.body;
    return server_.parsed(made);
  }

  void make_webhook(std::string_view match_policy) {
    const auto made = server_.send(
        "POST", std::string(kGroup) + "mutatingwebhookconfigurations",
        fmt::format(
            R"({{"metadata":{{"name":"m"}},"webhooks":[{{"name":"m.hooks.test","clientConfig":{},
               "sideEffects":"None","admissionReviewVersions":["v1"],"matchPolicy":"{}",
               "rules":[{{"apiGroups":["example.com"],"apiVersions":["v1"],"operations":["CREATE"],
               "resources":["caps"]}}]}}]}})",
            hook_.client(certificate_.pem), match_policy));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  http::Response create(const char* where, std::string_view version, std::string_view spec) {
    return server_.send("POST", where,
                        fmt::format(R"({{"apiVersion":"example.com/{}","kind":"Cap",
                                       "metadata":{{"name":"c"}},"spec":{}}})",
                                    version, spec));
  }

  TestServer server_;
  testing::Certificate certificate_ = testing::make_certificate({});
  Hook hook_{server_.loop, certificate_.pem, certificate_.key};
};

TEST_F(CustomAdmissionTest, PoliciesOfOneVersionSeeTheOthersAsThatOne) {
  make_policy("Equivalent",
              "object.spec.max < 5 && object.apiVersion == 'example.com/v1' && "
              "request.requestResource.version == 'v2' && request.resource.version == 'v1'");
  const auto refused = create(kNew, "v2", R"({"max":7})");
  EXPECT_EQ(refused.status, 422) << refused.body;
  const auto made = create(kNew, "v2", R"({"max":3})");
  EXPECT_EQ(made.status, 201) << made.body;
}

TEST_F(CustomAdmissionTest, ExactPoliciesAreAboutTheirVersionAlone) {
  make_policy("Exact", "object.spec.max < 5");
  EXPECT_EQ(create(kOld, "v1", R"({"max":7})").status, 422);
  EXPECT_EQ(create(kNew, "v2", R"({"max":7})").status, 201);
}

TEST_F(CustomAdmissionTest, WebhooksOfOneVersionPatchTheOthers) {
  make_webhook("Equivalent");
  hook_.patch(R"([{"op":"replace","path":"/spec/max","value":4}])");
  const auto made = create(kNew, "v2", R"({"max":7,"note":"kept"})");
  ASSERT_EQ(made.status, 201) << made.body;
  ASSERT_THAT(hook_.requests, SizeIs(1));
  EXPECT_EQ(hook_.requests[0]["object"]["apiVersion"].text(), "example.com/v1");
  EXPECT_EQ(hook_.requests[0]["kind"]["version"].text(), "v1");
  EXPECT_EQ(hook_.requests[0]["requestKind"]["version"].text(), "v2");
  const json::Value stored = server_.parsed(server_.send("GET", std::string(kNew) + "/c"));
  EXPECT_EQ(stored["spec"]["max"].as_int64(), 4);
  EXPECT_EQ(stored["spec"]["note"].text(), "kept");
}

TEST_F(CustomAdmissionTest, ExactWebhooksAreNotAskedAboutOtherVersions) {
  make_webhook("Exact");
  EXPECT_EQ(create(kNew, "v2", R"({"max":7})").status, 201);
  EXPECT_THAT(hook_.requests, SizeIs(0));
}

TEST_F(CustomAdmissionTest, MutatingPoliciesGoByTheSchemaOfTheirVersion) {
  const auto make = [&](std::string_view expression) {
    const auto made = server_.send(
        "POST", std::string(kGroup) + "mutatingadmissionpolicies",
        fmt::format(
            R"({{"metadata":{{"name":"p"}},"spec":{{"reinvocationPolicy":"Never","matchConstraints":
               {{"resourceRules":[{{"apiGroups":["example.com"],"apiVersions":["v1"],
               "operations":["CREATE","UPDATE"],"resources":["caps"]}}]}},
               "mutations":[{{"patchType":"ApplyConfiguration","applyConfiguration":
               {{"expression":"{}"}}}}]}}}})",
            expression));
    ASSERT_EQ(made.status, 201) << made.body;
  };
  make(
      "Object{spec: Object.spec{max: object.spec.max + 1}, metadata: Object.metadata{labels: "
      "{'version': object.apiVersion.split('/')[1]}, finalizers: ['example.com/f']}}");
  ASSERT_EQ(server_
                .send("POST", std::string(kGroup) + "mutatingadmissionpolicybindings",
                      R"({"metadata":{"name":"b"},"spec":{"policyName":"p"}})")
                .status,
            201);
  const auto made = create(kNew, "v2", R"({"max":3,"note":"kept"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value object = server_.parsed(made);
  EXPECT_EQ(object["apiVersion"].text(), "example.com/v2");
  EXPECT_EQ(object["spec"]["max"].as_int64(), 4);
  EXPECT_EQ(object["spec"]["note"].text(), "kept");
  EXPECT_EQ(object["metadata"]["labels"]["version"].text(), "v1");
  EXPECT_EQ(object["metadata"]["finalizers"].as_array()->at(0).text(), "example.com/f");
  server_.send("DELETE", std::string(kGroup) + "mutatingadmissionpolicies/p");
  make("Object{spec: Object.spec{note: 'x'}}");
  const auto refused = create(kNew, "v2", R"({"max":3})");
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(server_.parsed(refused)["message"].text(),
            "policy 'p' with binding 'b' denied request: error applying patch: failed to convert "
            "patch object to typed object: .spec.note: field not declared in schema");
}

TEST_F(CustomAdmissionTest, ExpressionsAreCheckedAgainstTheSchema) {
  const json::Value policy =
      make_policy("Exact",
                  "object.spec.max < 5 && object.metadata.labels.x == 'y' && "
                  "object.spec.min > 0");
  const json::Array& warnings = *policy["status"]["typeChecking"]["expressionWarnings"].as_array();
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_EQ(warnings[0]["fieldRef"].text(), "spec.validations[0].expression");
  EXPECT_TRUE(warnings[0]["warning"].text().starts_with(
      "example.com/v1, Kind=Cap: ERROR: <input>:1:70: undefined field 'min'"))
      << warnings[0]["warning"].text();
}

}  // namespace
}  // namespace insula::apiserver
