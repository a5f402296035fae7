#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_mutating_policies.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

/// The kinds of policies and bindings themselves.
using MutatingPolicyTest = MutatingPolicies;

TEST_F(MutatingPolicyTest, TakesAllVerbs) {
  json::Value named = policy("", {apply("Object{}")});
  named["metadata"] =
      json::Object{{"generateName", "p-"}, {"labels", json::Object{{"test", "verbs"}}}};
  const json::Object binding{{"metadata", named["metadata"]},
                             {"spec", json::Object{{"policyName", "p"}}}};

  const struct {
    std::string_view plural;
    json::Value object;
    std::string_view change;
  } cases[] = {
      {"mutatingadmissionpolicies", named, R"({"spec":{"reinvocationPolicy":"IfNeeded"}})"},
      {"mutatingadmissionpolicybindings", binding, R"({"spec":{"policyName":"q"}})"},
  };

  for (const auto& [plural, object, change] : cases) {
    const std::string all = std::string(kGroup).append(plural);
    json::Value made = server_.parsed(post(plural, object));
    ASSERT_EQ(post(plural, object).status, 201);
    const std::string one = all + "/" + std::string(made["metadata"]["name"].text());
    const auto patched = server_.send("PATCH", one, std::string(change), kMergePatch);
    ASSERT_EQ(patched.status, 200) << patched.body;
    made = server_.parsed(patched);
    EXPECT_EQ(made["metadata"]["generation"].as_int64(), 2);
    made["metadata"]["annotations"] = json::Object{{"a", "b"}};
    EXPECT_EQ(server_.send("PUT", one, json::write(made)).status, 200);
    EXPECT_EQ(server_.parsed(server_.send("GET", one))["metadata"]["annotations"]["a"].text(), "b");
    const auto list = [&] {
      return server_.parsed(server_.send("GET", all + "?labelSelector=test%3Dverbs"))["items"];
    };
    EXPECT_THAT(*list().as_array(), SizeIs(2));
    EXPECT_EQ(server_.send("DELETE", one).status, 200);
    EXPECT_THAT(*list().as_array(), SizeIs(1));
    EXPECT_EQ(server_.send("DELETE", all + "?labelSelector=test%3Dverbs").status, 200);
    EXPECT_THAT(*list().as_array(), SizeIs(0));
  }
}

TEST_F(MutatingPolicyTest, IsRefusedWhenItIsWrong) {
  const auto with = [](std::string_view member, json::Value value) {
    json::Value out = policy("p", {apply("Object{}")});
    out["spec"][member] = std::move(value);
    return out;
  };
  const auto mutating = [](json::Value mutation) { return policy("p", {std::move(mutation)}); };
  json::Value deleting = policy("p", {apply("Object{}")});
  (*deleting["spec"]["matchConstraints"]["resourceRules"].as_array())[0]["operations"] =
      json::Array{"DELETE"};
  json::Value both = apply("Object{}");
  both["jsonPatch"] = json::Object{{"expression", "[]"}};

  const struct {
    json::Value policy;
    std::string_view why;
  } cases[] = {
      {mutating(apply("Object{a:")),
       "spec.mutations[0].applyConfiguration.expression: Invalid value: \"Object{a:\": compilation "
       "failed: ERROR: <input>:1:"},
      {mutating(apply("[JSONPatch{}]")), "must evaluate to Object but got list(JSONPatch)"},
      {mutating(apply("object")), "must evaluate to Object but got dyn"},
      {mutating(apply("Object.spec{}")), "must evaluate to Object but got Object.spec"},
      {mutating(apply("Objects{}")), "undeclared reference to 'Objects' (in container '')"},
      {mutating(apply("Object{a: params.x}")), "undeclared reference to 'params'"},
      {mutating(apply("  ")), "spec.mutations[0].applyConfiguration.expression: Required value"},
      {mutating(patch("Object{}")),
       "spec.mutations[0].jsonPatch.expression: Invalid value: \"Object{}\": must evaluate to "
       "list(JSONPatch) but got Object"},
      {mutating(patch("[]")), "must evaluate to list(JSONPatch) but got list(dyn)"},
      {mutating(patch("[JSONPatch{op: 1}]")),
       "expected type of field 'op' is 'string' but provided type is 'int'"},
      {mutating(both),
       "spec.mutations[0].jsonPatch: Invalid value: \"{jsonPatch}\": must not be specified when "
       "patchType is ApplyConfiguration"},
      {mutating(json::Object{{"patchType", "JSONPatch"}}),
       "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is "
       "JSONPatch"},
      {mutating(json::Object{{"patchType", ""}}), "spec.mutations[0].patchType: Required value"},
      {mutating(json::Object{{"patchType", "Merge"}}),
       "spec.mutations[0].patchType: Unsupported value: \"Merge\": supported values: "
       "\"ApplyConfiguration\", \"JSONPatch\""},
      {with("mutations", json::Array{}),
       "spec.mutations: Required value: mutations must contain at least one item"},
      {with("reinvocationPolicy", ""), "spec.reinvocationPolicy: Required value"},
      {with("reinvocationPolicy", "Always"),
       "spec.reinvocationPolicy: Unsupported value: \"Always\": supported values: \"IfNeeded\", "
       "\"Never\""},
      {with("matchConstraints", json::Object{}),
       "spec.matchConstraints.resourceRules: Required value"},
      {with("variables", json::Array{json::Object{{"name", "v"}, {"expression", "Object{}"}}}),
       "undeclared reference to 'Object' (in container '')"},
      {with("paramKind", json::Object{{"apiVersion", "a/b/c"}, {"kind", "K"}}),
       "spec.paramKind.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string"},
      {with("paramKind", json::Object{{"apiVersion", "v1"}, {"kind", "9"}}),
       "spec.paramKind.kind: Invalid value: \"9\": may have mixed case, but should otherwise "
       "match: a DNS-1035 label"},
      {deleting,
       "spec.matchConstraints.resourceRules.operations: Unsupported value: \"DELETE\": supported "
       "values: \"*\", \"CONNECT\", \"CREATE\", \"UPDATE\""},
  };

  for (const auto& each : cases) {
    const auto refused = post("mutatingadmissionpolicies", each.policy);
    EXPECT_EQ(refused.status, 422) << json::write(each.policy) << refused.body;
    EXPECT_THAT(message(refused), HasSubstr(each.why));
  }
}

TEST_F(MutatingPolicyTest, ItsBindingIsRefusedWhenItIsWrong) {
  const struct {
    std::string_view spec;
    std::string_view why;
  } cases[] = {
      {R"({})", "spec.policyName: Required value"},
      {R"({"policyName":"P"})", "spec.policyName: Invalid value: \"P\": a lowercase RFC 1123"},
      {R"({"policyName":"p","paramRef":{"name":"n"}})",
       "spec.paramRef.parameterNotFoundAction: Required value"},
      {R"({"policyName":"p","matchResources":{"resourceRules":[{"apiGroups":["*"],
           "apiVersions":["*"],"operations":["DELETE"],"resources":["*"]}]}})",
       "spec.matchResources.resourceRules.operations: Unsupported value: \"DELETE\""},
  };

  for (const auto& each : cases) {
    const auto refused =
        server_.send("POST", std::string(kGroup) + "mutatingadmissionpolicybindings",
                     fmt::format(R"({{"metadata":{{"name":"b"}},"spec":{}}})", each.spec));
    EXPECT_EQ(refused.status, 422) << refused.body;
    EXPECT_THAT(message(refused), HasSubstr(each.why));
  }
}

TEST_F(MutatingPolicyTest, IsShownInTables) {
  json::Value shown = policy("p", {apply("Object{}"), patch("[JSONPatch{}]")});
  shown["spec"]["paramKind"] = json::Object{{"apiVersion", "v1"}, {"kind", "ConfigMap"}};
  put_in_force(
      shown, {{"paramRef", json::Object{{"name", "limits"}, {"parameterNotFoundAction", "Deny"}}}});
  const auto row = [&](std::string_view plural) {
    auto request = server_.request("GET", std::string(kGroup).append(plural), "", "");
    request.headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    const json::Value table = server_.parsed(server_.send(std::move(request)));
    const json::Value& cells = item(table["rows"], 0)["cells"];
    return fmt::format("{} {} {}", item(cells, 0).text(), json::write(item(cells, 1)),
                       item(cells, 2).text());
  };
  EXPECT_EQ(row("mutatingadmissionpolicies"), "p 2 v1/ConfigMap");
  EXPECT_EQ(row("mutatingadmissionpolicybindings"), R"(p "p" */limits)");
}

}  // namespace
}  // namespace insula::apiserver
