#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kGroup = "/apis/admissionregistration.k8s.io/v1/";
constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";

/// A policy on ConfigMaps. `more` are further members of its spec.
std::string policy(std::string_view validations, std::string_view more = "") {
  return fmt::format(
      R"({{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{{"name":"p"}},
          "spec":{{"matchConstraints":{{"resourceRules":[{{"apiGroups":[""],"apiVersions":["v1"],
          "operations":["CREATE","UPDATE","DELETE"],"resources":["configmaps"]}}]}},"validations":[{}]{}}}}})",
      validations, more);
}

std::string binding(std::string_view actions = R"(["Deny"])", std::string_view more = "") {
  return fmt::format(
      R"({{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{{"name":"b"}},
          "spec":{{"policyName":"p","validationActions":{}{}}}}})",
      actions, more);
}

std::string config(std::string_view name, std::string_view data, std::string_view labels = "{}") {
  return fmt::format(R"({{"metadata":{{"name":"{}","labels":{}}},"data":{}}})", name, labels, data);
}

class PolicyAdmissionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.send("POST", "/api/v1/namespaces",
                 R"({"metadata":{"name":"a","labels":{"team":"x"}}})");
  }

  http::Response post(std::string_view plural, const std::string& body) {
    return server_.send("POST", std::string(kGroup).append(plural), body);
  }

  void put_in_force(const std::string& policy, const std::string& binding) {
    const auto made = post("validatingadmissionpolicies", policy);
    ASSERT_EQ(made.status, 201) << made.body;
    const auto bound = post("validatingadmissionpolicybindings", binding);
    ASSERT_EQ(bound.status, 201) << bound.body;
  }

  std::string message(const http::Response& answer) {
    return std::string(server_.parsed(answer)["message"].text());
  }

  /// What a ConfigMap is refused for; empty when it would be stored.
  std::string why_not(std::string_view data, std::string_view labels = "{}") {
    const auto answer =
        server_.send("POST", std::string(kMaps) + "?dryRun=All", config("c", data, labels));
    return answer.status == 201 ? "" : message(answer);
  }

  /// The text of the one that denies.
  static std::string denial(std::string_view why) {
    return fmt::format(
        "configmaps \"c\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied "
        "request: {}",
        why);
  }

  static std::vector<std::string> warnings(const http::Response& answer) {
    std::vector<std::string> out;
    for (const auto& header : answer.headers) {
      if (header.name == "Warning") out.push_back(header.value);
    }
    return out;
  }

  TestServer server_;
};

TEST_F(PolicyAdmissionTest, DeniesWhatAValidationIsFalseFor) {
  put_in_force(policy(R"({"expression":"object.data.size == 'small'"})"), binding());
  const auto refused = server_.send("POST", kMaps, config("c", R"({"size":"large"})"));
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(message(refused), denial("failed expression: object.data.size == 'small'"));
  EXPECT_EQ(server_.parsed(refused)["reason"].text(), "Invalid");
  EXPECT_EQ(why_not(R"({"size":"small"})"), "");
  EXPECT_EQ(
      why_not("{}"),
      denial("expression 'object.data.size == 'small'' resulted in error: no such key: data"));
}

TEST_F(PolicyAdmissionTest, IsNotInForceWithoutABinding) {
  ASSERT_EQ(post("validatingadmissionpolicies", policy(R"({"expression":"false"})")).status, 201);
  EXPECT_EQ(why_not("{}"), "");
  ASSERT_EQ(post("validatingadmissionpolicybindings", binding()).status, 201);
  EXPECT_NE(why_not("{}"), "");
  server_.send("DELETE", std::string(kGroup) + "validatingadmissionpolicybindings/b");
  EXPECT_EQ(why_not("{}"), "");
}

TEST_F(PolicyAdmissionTest, SaysWhatTheValidationSays) {
  const struct {
    std::string validation;
    int status;
    std::string why;
  }

  cases[] = {
      {R"({"expression":"false","message":"too large"})", 422, "too large"},
      {R"({"expression":"false","message":"m","messageExpression":"'got ' + object.data.size"})",
       422, "got large"},
      {R"({"expression":"false","message":"fallback","messageExpression":"'' + object.data.nothing"})",
       422, "fallback"},
      {R"({"expression":"false","reason":"Forbidden"})", 403, "failed expression: false"},
      {R"({"expression":"false","reason":"RequestEntityTooLarge"})", 413,
       "failed expression: false"},
      {R"({"expression":"false","reason":"Unauthorized"})", 401, "failed expression: false"},
  };

  put_in_force(policy(R"({"expression":"true"})"), binding());
  for (const auto& each : cases) {
    // A merge patch of the list: what was there goes.
    const auto patched =
        server_.send("PATCH", std::string(kGroup) + "validatingadmissionpolicies/p",
                     fmt::format(R"({{"spec":{{"validations":[{}]}}}})", each.validation),
                     "application/merge-patch+json");
    ASSERT_EQ(patched.status, 200) << patched.body;
    const auto refused = server_.send("POST", kMaps, config("c", R"({"size":"large"})"));
    EXPECT_EQ(refused.status, each.status) << refused.body;
    EXPECT_EQ(message(refused), denial(each.why));
  }
}

TEST_F(PolicyAdmissionTest, ShowsTheRequestAndTheObjectBefore) {
  const char* validation =
      R"({"message":"seen wrong","expression":"request.operation == 'CREATE' ? request.name == 'c' && )"
      R"(request.namespace == 'a' && request.resource.resource == 'configmaps' && )"
      R"(request.kind.kind == 'ConfigMap' && oldObject == null && )"
      R"(request.userInfo.username.startsWith('system:') : request.operation == 'UPDATE' ? )"
      R"(oldObject.data.n == '1' && object.data.n == '2' && !request.dryRun : )"
      R"(oldObject.data.n == '2' && object == null"})";
  put_in_force(policy(validation), binding());
  const auto made = server_.send("POST", kMaps, config("c", R"({"n":"1"})"));
  ASSERT_EQ(made.status, 201) << made.body;
  const auto changed = server_.send("PATCH", std::string(kMaps) + "/c", R"({"data":{"n":"2"}})",
                                    "application/merge-patch+json");
  ASSERT_EQ(changed.status, 200) << changed.body;
  const auto gone = server_.send("DELETE", std::string(kMaps) + "/c");
  EXPECT_EQ(gone.status, 200) << gone.body;
}

TEST_F(PolicyAdmissionTest, ShowsTheNamespace) {
  put_in_force(
      policy(R"({"expression":"namespaceObject.metadata.labels.team == object.data.team"})"),
      binding());
  EXPECT_EQ(why_not(R"({"team":"x"})"), "");
  EXPECT_NE(why_not(R"({"team":"y"})"), "");
}

TEST_F(PolicyAdmissionTest, EvaluatesVariablesWhenTheyAreUsed) {
  put_in_force(policy(R"({"expression":"variables.n < 10 || variables.broken"})",
                      R"x(,"variables":[{"name":"n","expression":"int(object.data.n)"},
                              {"name":"twice","expression":"variables.n * 2"},
                              {"name":"broken","expression":"object.data.missing == variables.twice"}])x"),
               binding());
  EXPECT_EQ(why_not(R"({"n":"9"})"), "") << "the broken one is not needed";
  EXPECT_EQ(
      why_not(R"({"n":"11"})"),
      denial("expression 'variables.n < 10 || variables.broken' resulted in error: composited "
             "variable \"broken\" fails to evaluate: no such key: missing"));
}

TEST_F(PolicyAdmissionTest, AsksItsConditionsFirst) {
  put_in_force(
      policy(R"({"expression":"false"})",
             R"x(,"matchConditions":[{"name":"labelled","expression":"has(object.metadata.labels)"},
                         {"name":"mine","expression":"object.metadata.labels.team == 'x'"}])x"),
      binding());
  EXPECT_EQ(why_not("{}"), "") << "one that is false counts before one that fails";
  EXPECT_EQ(why_not("{}", R"({"team":"y"})"), "");
  EXPECT_NE(why_not("{}", R"({"team":"x"})"), "");
  EXPECT_EQ(why_not("{}", R"({"other":"x"})"),
            denial("expression 'object.metadata.labels.team == 'x'' resulted in error: no such "
                   "key: team"));
}

TEST_F(PolicyAdmissionTest, IgnoresWhatCannotBeEvaluatedIfThePolicySaysSo) {
  put_in_force(
      policy(R"({"expression":"object.data.size == 'small'"})", R"(,"failurePolicy":"Ignore")"),
      binding());
  EXPECT_EQ(why_not("{}"), "");
  EXPECT_NE(why_not(R"({"size":"large"})"), "");
}

TEST_F(PolicyAdmissionTest, WarnsInsteadOfDenying) {
  put_in_force(policy(R"({"expression":"false","message":"rather not"})"),
               binding(R"(["Warn","Audit"])"));
  const auto made = server_.send("POST", kMaps, config("c", "{}"));
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(
      warnings(made),
      ElementsAre("299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding "
                  "'b': rather not\""));
}

TEST_F(PolicyAdmissionTest, ChoosesByNamespaceObjectAndExclusion) {
  const auto with = [](std::string_view match) {
    return binding(R"(["Deny"])", fmt::format(R"(,"matchResources":{{{}}})", match));
  };
  ASSERT_EQ(post("validatingadmissionpolicies", policy(R"({"expression":"false"})")).status, 201);

  const struct {
    std::string match;
    bool denies;
  } cases[] = {
      {R"("namespaceSelector":{"matchLabels":{"team":"x"}})", true},
      {R"("namespaceSelector":{"matchLabels":{"team":"y"}})", false},
      {R"("objectSelector":{"matchExpressions":[{"key":"l","operator":"In","values":["1"]}]})",
       true},
      {R"("objectSelector":{"matchLabels":{"l":"2"}})", false},
      {R"("excludeResourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*"]}])",
       false},
      {R"("resourceRules":[{"resourceNames":["other"],"apiGroups":[""],"apiVersions":["v1"],"operations":["*"],
          "resources":["configmaps"]}])",
       false},
      {R"("resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["*"],"resources":["*"],"scope":"Cluster"}])",
       false},
  };

  for (const auto& each : cases) {
    const auto bound = post("validatingadmissionpolicybindings", with(each.match));
    ASSERT_EQ(bound.status, 201) << bound.body;
    EXPECT_EQ(!why_not("{}", R"({"l":"1"})").empty(), each.denies) << each.match;
    server_.send("DELETE", std::string(kGroup) + "validatingadmissionpolicybindings/b");
  }
}

constexpr const char* kCaps = "/apis/example.com/v1/caps";

std::string cap(std::string_view name, int max) {
  return fmt::format(
      R"({{"apiVersion":"example.com/v1","kind":"Cap","metadata":{{"name":"{}"}},"max":{}}})", name,
      max);
}

TEST_F(PolicyAdmissionTest, TakesParamsFromCustomObjectsAndAppliesToThem) {
  constexpr const char* kDefinition = R"({
    "metadata": {"name": "caps.example.com"},
    "spec": {
      "group": "example.com", "scope": "Cluster",
      "names": {"plural": "caps", "kind": "Cap"},
      "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"max": {"type": "integer"}}}}}]}})";
  ASSERT_EQ(
      server_.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", kDefinition)
          .status,
      201);
  const auto made = server_.send("POST", kCaps, cap("c", 5));
  ASSERT_EQ(made.status, 201) << made.body;
  put_in_force(
      policy(R"x({"expression":"int(object.data.n) <= params.max"})x",
             R"x(,"paramKind":{"apiVersion":"example.com/v1","kind":"Cap"})x"),
      binding(R"(["Deny"])", R"(,"paramRef":{"name":"c","parameterNotFoundAction":"Deny"})"));
  EXPECT_EQ(why_not(R"({"n":"5"})"), "");
  EXPECT_NE(why_not(R"({"n":"6"})"), "");

  const std::string about_caps = R"({"metadata":{"name":"caps"},"spec":{
      "matchConstraints":{"resourceRules":[{"apiGroups":["example.com"],"apiVersions":["*"],
        "operations":["CREATE","UPDATE"],"resources":["*"]}]},
      "validations":[{"expression":"object.max < 100 && request.kind.kind == 'Cap'"}]}})";
  ASSERT_EQ(post("validatingadmissionpolicies", about_caps).status, 201);
  ASSERT_EQ(post("validatingadmissionpolicybindings", R"({"metadata":{"name":"caps"},
      "spec":{"policyName":"caps","validationActions":["Deny"]}})")
                .status,
            201);
  EXPECT_EQ(server_.send("POST", kCaps, cap("small", 99)).status, 201);
  const auto refused = server_.send("POST", kCaps, cap("large", 100));
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_THAT(message(refused), HasSubstr("caps.example.com \"large\" is forbidden"));
  auto patch = server_.request("PATCH", std::string(kCaps) + "/small");
  patch.headers.set("Content-Type", "application/merge-patch+json");
  patch.body = R"({"max":101})";
  EXPECT_EQ(server_.send(std::move(patch)).status, 422);
}

TEST_F(PolicyAdmissionTest, TakesParamsFromObjects) {
  const std::string with_params =
      R"x(,"paramKind":{"apiVersion":"v1","kind":"ConfigMap"},
          "matchConditions":[{"name":"not-params","expression":"!object.metadata.name.startsWith('limit')"}])x";
  put_in_force(
      policy(R"x({"expression":"int(object.data.n) <= int(params.data.max)"
})x",
             with_params),
      binding(R"(["Deny"])", R"(,"paramRef":{"name":"limit","parameterNotFoundAction":"Deny"})"));
  EXPECT_EQ(why_not(R"({"n":"1"})"),
            denial("failed to configure binding: no params found for policy binding with `Deny` "
                   "parameterNotFoundAction"));
  server_.send("DELETE", std::string(kGroup) + "validatingadmissionpolicybindings/b");
  ASSERT_EQ(
      server_.send("POST", kMaps, config("limit", R"({"max":"5"})", R"({"use":"yes"})")).status,
      201);
  ASSERT_EQ(
      server_.send("POST", kMaps, config("limit-2", R"({"max":"3"})", R"({"use":"yes"})")).status,
      201);
  ASSERT_EQ(post("validatingadmissionpolicybindings",
                 binding(R"(["Deny"])",
                         R"(,"paramRef":{"name":"limit","parameterNotFoundAction":"Deny"})"))
                .status,
            201);
  EXPECT_EQ(why_not(R"({"n":"5"})"), "");
  EXPECT_NE(why_not(R"({"n":"6"})"), "");
  server_.send("DELETE", std::string(kGroup) + "validatingadmissionpolicybindings/b");
  ASSERT_EQ(
      post(
          "validatingadmissionpolicybindings",
          binding(
              R"(["Deny"])",
              R"(,"paramRef":{"selector":{"matchLabels":{"use":"yes"}},"parameterNotFoundAction":"Allow"})"))
          .status,
      201);
  EXPECT_EQ(why_not(R"({"n":"3"})"), "");
  EXPECT_NE(why_not(R"({"n":"4"})"), "") << "it must hold for all of them";
}

TEST_F(PolicyAdmissionTest, IsAskedAboutScalesEvictionsAndConnections) {
  const std::string rules =
      R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"p"},
          "spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["","apps"],"apiVersions":["v1"],"operations":["*"],
          "resources":["deployments/scale","pods/eviction"]}]},
          "validations":[{"expression":"object.kind == 'Scale' ? object.spec.replicas < 3 : object.kind != 'Eviction'"}]}})";
  put_in_force(rules, binding());
  const std::string deployments = "/apis/apps/v1/namespaces/a/deployments";
  const auto made = server_.send(
      "POST", deployments,
      R"({"metadata":{"name":"d"},"spec":{"replicas":5,"selector":{"matchLabels":{"a":"b"}},
    "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto scale = [&](int replicas) {
    return server_
        .send("PATCH", deployments + "/d/scale",
              fmt::format(R"({{"spec":{{"replicas":{}}}}})", replicas),
              "application/merge-patch+json")
        .status;
  };
  EXPECT_EQ(scale(2), 200);
  EXPECT_EQ(scale(4), 422);
  server_.send("POST", "/api/v1/namespaces/a/pods",
               R"({"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  EXPECT_EQ(
      server_.send("POST", "/api/v1/namespaces/a/pods/x/eviction", R"({"metadata":{"name":"x"}})")
          .status,
      422);
  EXPECT_EQ(server_.send("DELETE", "/api/v1/namespaces/a/pods/x").status, 200);
}

TEST_F(PolicyAdmissionTest, IsAskedAboutConnections) {
  const std::string rules =
      R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"p"},
          "spec":{"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CONNECT"],
          "resources":["pods/exec"]}]},"validations":[{"expression":"object.command != ['sh']","reason":"Forbidden"}]}})";
  put_in_force(rules, binding());
  const Target exec{api::find_kind("", "v1", "pods"), "a", "x", "exec"};
  const auto connect = [&](const char* command) {
    return server_.run(server_.registry->connect(
        exec,
        json::Object{
            {"apiVersion", "v1"}, {"kind", "PodExecOptions"}, {"command", json::Array{command}}},
        {}));
  };
  EXPECT_TRUE(connect("true"));
  const auto refused = connect("sh");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kForbidden);
  EXPECT_THAT(refused.error().message(), HasSubstr("failed expression: object.command != ['sh']"));
}

TEST_F(PolicyAdmissionTest, StopsWhatCostsTooMuch) {
  put_in_force(
      policy(
          R"x({"expression":"[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, a + b + c + d + e + f < 100))))))"})x"),
      binding());
  EXPECT_THAT(why_not("{}"), HasSubstr("actual cost limit exceeded"));
}

TEST_F(PolicyAdmissionTest, CannotShutItselfIn) {
  const std::string all =
      R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"p"},
          "spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],
          "resources":["*/*"]}]},"validations":[{"expression":"false"}]}})";
  put_in_force(all, binding());
  EXPECT_NE(why_not("{}"), "");
  EXPECT_EQ(server_.send("DELETE", std::string(kGroup) + "validatingadmissionpolicies/p").status,
            200);
  EXPECT_EQ(why_not("{}"), "");
}

TEST_F(PolicyAdmissionTest, RefusesExpressionsThatCannotBeCompiled) {
  const struct {
    std::string body;
    std::string why;
  } cases[] = {
      {policy(R"({"expression":"object.x +"})"),
       "spec.validations[0].expression: Invalid value: \"object.x +\": compilation failed: "
       "ERROR: "
       "<input>:1:"},
      {policy(R"x({"expression":"authorizer.group('').resource('pods').check('get').allowed()"})x"),
       "undeclared reference to 'authorizer' (in container '')"},
      {policy(R"({"expression":"params.data.x == '1'"})"),
       "undeclared reference to 'params' (in container '')"},
      {policy(R"({"expression":"variables.nothing == 1"})"), "undefined field 'nothing'"},
      {policy(R"({"expression":"1 + 1"})"),
       "spec.validations[0].expression: Invalid value: \"1 + 1\": must evaluate to bool but got "
       "int"},
      {policy(R"({"expression":"true","messageExpression":"1"})"),
       "spec.validations[0].messageExpression: Invalid value: \"1\": must evaluate to string but "
       "got int"},
      {policy(R"({"expression":"true"})",
              R"(,"matchConditions":[{"name":"c","expression":"request.what"}])"),
       "undefined field 'what'"},
      {policy(R"({"expression":"true"})", R"(,"variables":[{"name":"for","expression":"1"}])"),
       "spec.variables[0].name: Invalid value: \"for\": must be a valid CEL identifier"},
      {policy(""),
       "spec.validations: Required value: validations or auditAnnotations must contain at "
       "least one item"},
      {policy(R"({"expression":"true","message":"a\nb"})"),
       "spec.validations[0].message: Invalid value: \"a\\nb\": message must not contain line "
       "breaks"},
      {policy(R"({"expression":"true","reason":"Because"})"),
       "spec.validations[0].reason: Unsupported value: \"Because\": supported values: "},
  };

  for (const auto& each : cases) {
    const auto refused = post("validatingadmissionpolicies", each.body);
    EXPECT_EQ(refused.status, 422) << each.body;
    EXPECT_THAT(message(refused), HasSubstr(each.why));
  }
}

TEST_F(PolicyAdmissionTest, NotesWhereExpressionsDoNotFitTheirKinds) {
  const std::string on_deployments =
      R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"p"},
          "spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["*"],
          "resources":["deployments"]}]},"variables":[{"name":"spec","expression":"object.spec"}],"validations":[
          {"expression":"object.replicas > 1"},
          {"expression":"variables.spec.replicas > 1 && object.metadata.namespace != 'x' && object.kind == 'Deployment'",
           "messageExpression":"'' + object.spec.pausd"}]}})";
  const auto made = post("validatingadmissionpolicies", on_deployments);
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value status = server_.parsed(made)["status"];
  EXPECT_EQ(status["observedGeneration"].as_int64(), 1);
  const json::Array& warnings = *status["typeChecking"]["expressionWarnings"].as_array();
  ASSERT_EQ(warnings.size(), 2U) << made.body;
  EXPECT_EQ(warnings[0]["fieldRef"].text(), "spec.validations[0].expression");
  EXPECT_EQ(warnings[0]["warning"].text(),
            "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n"
            " | object.replicas > 1\n | ......^");
  EXPECT_EQ(warnings[1]["fieldRef"].text(), "spec.validations[1].messageExpression");
  const auto mended =
      server_.send("PATCH", std::string(kGroup) + "validatingadmissionpolicies/p",
                   R"({"spec":{"validations":[{"expression":"object.spec.replicas > 1"}]}})",
                   "application/merge-patch+json");
  ASSERT_EQ(mended.status, 200) << mended.body;
  EXPECT_EQ(server_.parsed(mended)["status"]["observedGeneration"].as_int64(), 2);
  EXPECT_EQ(server_.parsed(mended)["status"]["typeChecking"]["expressionWarnings"].as_array(),
            nullptr);
}

TEST_F(PolicyAdmissionTest, RefusesBindingsThatSayTooMuchOrTooLittle) {
  const struct {
    std::string body;
    std::string why;
  } cases[] = {
      {binding(R"(["Deny","Warn"])"),
       "spec.validationActions: Invalid value: [\"Deny\",\"Warn\"]: must not contain both Deny "
       "and "
       "Warn (repeating the same validation failure information in the API response and "
       "headers "
       "serves no purpose)"},
      {binding("[]"),
       "spec.validationActions: Required value: at least one validation action is required"},
      {binding(R"(["Stop"])"),
       "spec.validationActions[0]: Unsupported value: \"Stop\": supported values: \"Audit\", "
       "\"Deny\", \"Warn\""},
      {binding(R"(["Deny"])", R"(,"paramRef":{"parameterNotFoundAction":"Deny"})"),
       "spec.paramRef: Required value: one of name or selector must be specified"},
      {binding(R"(["Deny"])", R"(,"paramRef":{"name":"n","selector":{}})"),
       "spec.paramRef.name: Forbidden: name and selector are mutually exclusive"},
  };

  for (const auto& each : cases) {
    const auto refused = post("validatingadmissionpolicybindings", each.body);
    EXPECT_EQ(refused.status, 422) << each.body;
    EXPECT_THAT(message(refused), HasSubstr(each.why));
  }
}

}  // namespace
}  // namespace insula::apiserver
