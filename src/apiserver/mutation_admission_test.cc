#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_hook.h"
#include "apiserver/test_mutating_policies.h"
#include "json/parse.h"
#include "json/write.h"
#include "testing/certificate.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

/// What policies make of writes.
using MutationAdmissionTest = MutatingPolicies;

TEST_F(MutationAdmissionTest, SetsFieldsOfWhatIsWritten) {
  put_in_force(policy("p", {apply("Object{metadata: Object.metadata{annotations: {'seen-by': "
                                  "request.userInfo.username}}, spec: Object.spec{replicas: "
                                  "object.spec.replicas + 2}}")}));
  const auto made = create_deployment();
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value object = server_.parsed(made);
  EXPECT_EQ(object["spec"]["replicas"].as_int64(), 3);
  EXPECT_TRUE(object["metadata"]["annotations"]["seen-by"].text().starts_with("system:"));
  EXPECT_EQ(object["metadata"]["generation"].as_int64(), 1);
  // Of a change, too: the policy sees what is asked for.
  const auto changed = server_.send("PATCH", std::string(kDeployments) + "/d",
                                    R"({"spec":{"replicas":5}})", kMergePatch);
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(server_.parsed(changed)["spec"]["replicas"].as_int64(), 7);
  EXPECT_EQ(server_.parsed(changed)["metadata"]["generation"].as_int64(), 2);
}

TEST_F(MutationAdmissionTest, WhatAPolicySetsIsNobodysField) {
  put_in_force(policy("p", {apply("Object{data: {'added': 'x'}}")}));
  const auto made = create_map(R"({"own":"y"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(json::write(server_.parsed(made)["data"]), R"({"added":"x","own":"y"})");
  const std::string managers = json::write(server_.parsed(made)["metadata"]["managedFields"]);
  EXPECT_THAT(managers, HasSubstr("f:own"));
  EXPECT_THAT(managers, Not(HasSubstr("f:added")));
}

TEST_F(MutationAdmissionTest, MergesListsByTheirKeysAndFillsInDefaults) {
  put_in_force(policy(
      "p",
      {apply("Object{spec: Object.spec{template: Object.spec.template{spec: "
             "Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "
             "'main', env: [Object.spec.template.spec.containers.env{name: 'A', value: 'b'}]}, "
             "Object.spec.template.spec.containers{name: 'mesh', image: 'mesh:2'}]}}}}"),
       apply("Object{metadata: Object.metadata{labels: {'policies': "
             "object.spec.template.spec.containers.map(c, c.imagePullPolicy).join('-')}}}")}));
  const auto made = create_deployment();
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value object = server_.parsed(made);
  const json::Value& containers = object["spec"]["template"]["spec"]["containers"];
  ASSERT_THAT(*containers.as_array(), SizeIs(2));
  EXPECT_EQ(item(containers, 0)["image"].text(), "main:1");
  EXPECT_EQ(item(item(containers, 0)["env"], 0)["value"].text(), "b");
  EXPECT_EQ(item(containers, 1)["image"].text(), "mesh:2");
  EXPECT_EQ(object["metadata"]["labels"]["policies"].text(), "IfNotPresent-IfNotPresent")
      << "the second change sees the defaults of what the first one made";
}

TEST_F(MutationAdmissionTest, RefusesConfigurationsThatCannotBeMerged) {
  const struct {
    std::string_view expression;
    std::string_view why;
  } cases[] = {
      {"Object{spec: Object.spec{template: Object.spec.template{spec: "
       "Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: 'main', "
       "args: ['x']}]}}}}",
       "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or "
       "structs: .spec.template.spec.containers[0].args"},
      {"Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'app': 'e'}}}}",
       "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or "
       "structs: .spec.selector"},
      {"Object{spec: Object.spec{replica: 2}}",
       "error applying patch: failed to convert patch object to typed object: .spec.replica: field "
       "not declared in schema"},
      {"Object{spec: Object.spec{replicas: 'two'}}", "error applying patch: "},
      {"Object{spec: Object.wrong{replicas: 2}}",
       "type mismatch: unexpected type name \"Object.wrong\", expected \"Object.spec\", which "
       "matches field name path from root Object type"},
      {"Object{metadata: Object.metadata{name: 'e'}}",
       "policies must not change the object's name, namespace or uid"},
      {"Object{spec: Object.spec{paused: quantity('1')}}",
       "a kubernetes.Quantity is nothing in JSON"},
      {"Object{metadata: Object.metadata{annotations: {1: 'x'}}}",
       "a map with a key of type int is nothing in JSON"},
  };

  for (const auto& each : cases) {
    put_in_force(policy("p", {apply(each.expression)}));
    const auto refused = create_deployment();
    EXPECT_EQ(refused.status, 422) << refused.body;
    EXPECT_THAT(message(refused),
                HasSubstr(fmt::format("policy 'p' with binding 'p' denied request: {}", each.why)));
    for (const char* plural : {"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"})
      server_.send("DELETE", fmt::format("{}{}/p", kGroup, plural));
  }
}

TEST_F(MutationAdmissionTest, ChecksWhatPoliciesMake) {
  put_in_force(policy("p", {apply("Object{metadata: Object.metadata{labels: {'a b': 'c'}}}")}));
  const auto refused = create_map("{}");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(message(refused), HasSubstr("metadata.labels: Invalid value: \"a b\""));
}

TEST_F(MutationAdmissionTest, AppliesTheOperationsOfAJsonPatch) {
  put_in_force(policy(
      "p", {patch("[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a/b': 'x'}}, "
                  "JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('c/d~e'), "
                  "value: object.data.n}, "
                  "JSONPatch{op: 'move', from: '/data/n', path: '/data/m'}, "
                  "JSONPatch{op: 'remove', path: '/data/gone'}] + (has(object.data.more) ? "
                  "[JSONPatch{op: 'replace', path: '/data/more', value: string(size(object.data))}]"
                  " : [])")}));
  const auto made = create_map(R"({"n":"1","gone":"2","more":""})");
  ASSERT_EQ(made.status, 422) << "a label's key is no path";
  EXPECT_THAT(message(made), HasSubstr("metadata.labels: Invalid value: \"c/d~e\""));
  server_.send("DELETE", std::string(kGroup) + "mutatingadmissionpolicybindings/p");
  server_.send("DELETE", std::string(kGroup) + "mutatingadmissionpolicies/p");

  put_in_force(policy(
      "p", {patch("[JSONPatch{op: 'add', path: '/metadata/annotations', value: {}}, "
                  "JSONPatch{op: 'add', path: '/metadata/annotations/' + "
                  "jsonpatch.escapeKey('c.d/e'), value: object.data.n}, "
                  "JSONPatch{op: 'move', from: '/data/n', path: '/data/m'}, "
                  "JSONPatch{op: 'remove', path: '/data/gone'}] + (has(object.data.more) ? "
                  "[JSONPatch{op: 'replace', path: '/data/more', value: string(size(object.data))}]"
                  " : [])")}));
  const auto again = create_map(R"({"n":"1","gone":"2","more":""})");
  ASSERT_EQ(again.status, 201) << again.body;
  const json::Value object = server_.parsed(again);
  EXPECT_EQ(object["metadata"]["annotations"]["c.d/e"].text(), "1");
  EXPECT_EQ(json::write(object["data"]), R"({"m":"1","more":"3"})");
}

TEST_F(MutationAdmissionTest, AFailedTestOfAJsonPatchChangesNothing) {
  put_in_force(policy("p", {patch("[JSONPatch{op: 'add', path: '/data/x', value: 'y'}, "
                                  "JSONPatch{op: 'test', path: '/data/n', value: '1'}]")}));
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1","x":"y"})");
  EXPECT_EQ(data_of(R"({"n":"2"})"), R"({"n":"2"})");
  EXPECT_EQ(data_of(R"({"m":"2"})"), R"({"m":"2"})");
}

TEST_F(MutationAdmissionTest, RefusesJsonPatchesThatDoNotApply) {
  const struct {
    std::string_view expression;
    int status;
    std::string_view why;
  } cases[] = {
      {"[JSONPatch{op: 'add', path: '/metadata/annotations/a', value: 'b'}]", 422,
       "policy 'p' with binding 'p' denied request: JSON Patch: add operation does not apply: "
       "/metadata/annotations/a: missing path"},
      {"[JSONPatch{op: 'addd', path: '/data', value: 'b'}]", 422, "JSON Patch: unknown"},
      {"[JSONPatch{op: 'add', path: '/dat', value: 'b'}]", 500,
       R"(ConfigMap: strict decoding error: unknown field "dat")"},
      {"[JSONPatch{op: 'add', path: '/data', value: 7}]", 500, "Internal error occurred: "},
      {"[JSONPatch{op: 'add', path: '/data', value: [Object.a{b: Object.c{}}]}]", 422,
       "type mismatch: unexpected type name \"Object.c\", expected \"Object.a.b\""},
      {"[JSONPatch{op: object.data.n == '1' ? dyn(1) : dyn('add')}]", 422,
       "unexpected type int for JSONPatch 'op' field"},
  };

  for (const auto& each : cases) {
    put_in_force(policy("p", {patch(each.expression)}));
    const auto refused = create_map(R"({"n":"1"})");
    EXPECT_EQ(refused.status, each.status) << refused.body;
    EXPECT_THAT(message(refused), HasSubstr(each.why));
    for (const char* plural : {"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"})
      server_.send("DELETE", fmt::format("{}{}/p", kGroup, plural));
  }
}

TEST_F(MutationAdmissionTest, IsNotInForceWithoutABinding) {
  const json::Value all = policy("p", {apply("Object{data: {'x': 'y'}}")});
  ASSERT_EQ(post("mutatingadmissionpolicies", all).status, 201);
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1"})");
  const json::Object bound{{"metadata", json::Object{{"name", "b"}}},
                           {"spec", json::Object{{"policyName", "p"}}}};
  ASSERT_EQ(post("mutatingadmissionpolicybindings", bound).status, 201);
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1","x":"y"})");
  server_.send("DELETE", std::string(kGroup) + "mutatingadmissionpolicybindings/b");
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1"})");
}

TEST_F(MutationAdmissionTest, ChoosesByConditionsVariablesAndBindings) {
  json::Value wanted = policy("p", {apply("Object{data: {'count': variables.count}}"),
                                    apply("Object{data: {'again': variables.count}}")});
  wanted["spec"]["variables"] =
      json::Array{json::Object{{"name", "count"}, {"expression", "string(size(object.data))"}}};
  wanted["spec"]["matchConditions"] =
      json::Array{json::Object{{"name", "asked"},
                               {"expression",
                                "has(object.data.n) && namespaceObject.metadata.labels.team == "
                                "'x'"}}};
  const json::Object selector{{"matchLabels", json::Object{{"use", "yes"}}}};
  put_in_force(wanted, {{"matchResources", json::Object{{"objectSelector", selector}}}});
  EXPECT_EQ(data_of(R"({"n":"1"})", R"({"use":"yes"})"), R"({"again":"2","count":"1","n":"1"})")
      << "a variable is about the object as it is by then";
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1"})");
  EXPECT_EQ(data_of(R"({"m":"1"})", R"({"use":"yes"})"), R"({"m":"1"})");
}

TEST_F(MutationAdmissionTest, TakesEveryParameterInTurn) {
  for (const char* name : {"one", "two"}) {
    server_.send("POST", kMaps,
                 fmt::format(R"({{"metadata":{{"name":"{}","labels":{{"param":"yes"}}}},
                               "data":{{"key":"{}"}}}})",
                             name, name));
  }
  json::Value with =
      policy("p", {apply("Object{data: {params.data.key: string(size(object.data))}}")});
  with["spec"]["paramKind"] = json::Object{{"apiVersion", "v1"}, {"kind", "ConfigMap"}};
  with["spec"]["matchConditions"] = json::Array{
      json::Object{{"name", "none"}, {"expression", "params.metadata.name != request.name"}}};
  const json::Object selector{{"matchLabels", json::Object{{"param", "yes"}}}};
  put_in_force(with, {{"paramRef",
                       json::Object{{"selector", selector}, {"parameterNotFoundAction", "Deny"}}}});
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1","one":"1","two":"2"})");
  server_.send("DELETE", std::string(kMaps) + "?labelSelector=param");
  EXPECT_EQ(data_of(R"({"n":"1"})"),
            "policy 'p' with binding 'p' denied request: failed to configure binding: no params "
            "found for policy binding with `Deny` parameterNotFoundAction");
  const auto allowed = server_.send(
      "PATCH", std::string(kGroup) + "mutatingadmissionpolicybindings/p",
      R"({"spec":{"paramRef":{"selector":null,"name":"gone","parameterNotFoundAction":"Allow"}}})",
      kMergePatch);
  ASSERT_EQ(allowed.status, 200) << allowed.body;
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1"})");
}

TEST_F(MutationAdmissionTest, TellsAllThatFailUnlessTheyAreToBeIgnored) {
  const auto broken = [](std::string_view name, std::string_view failure_policy) {
    json::Value out = policy(name, {apply("Object{data: {'x': object.data.missing}}"),
                                    apply("Object{data: {'y': 'z'}}")});
    out["spec"]["failurePolicy"] = failure_policy;
    return out;
  };
  put_in_force(broken("ignored", "Ignore"));
  EXPECT_EQ(data_of(R"({"n":"1"})"), R"({"n":"1","y":"z"})") << "the others of its changes stay";
  put_in_force(broken("one", "Fail"));
  put_in_force(broken("two", "Fail"));
  const auto refused = create_map(R"({"n":"1"})");
  EXPECT_EQ(refused.status, 422);
  const json::Value status = server_.parsed(refused);
  EXPECT_EQ(status["reason"].text(), "Invalid");
  const std::string_view why =
      "expression 'Object{data: {'x': object.data.missing}}' resulted in error: no such key: "
      "missing";
  EXPECT_EQ(status["message"].text(),
            fmt::format("policy 'one' with binding 'one' denied request: {}", why));
  ASSERT_THAT(*status["details"]["causes"].as_array(), SizeIs(2));
  EXPECT_EQ(item(status["details"]["causes"], 1)["message"].text(),
            fmt::format("policy 'two' with binding 'two' denied request: {}", why));
}

TEST_F(MutationAdmissionTest, BoundsWhatExpressionsCostAndMake) {
  const std::string_view ten = "[0,1,2,3,4,5,6,7,8,9]";
  std::string nested = "true";
  for (const char variable : std::string_view("abcdefg"))
    nested = fmt::format("{}.all({}, {})", ten, variable, nested);
  put_in_force(policy("p", {apply(fmt::format("Object{{data: {{'x': string({})}}}}", nested))}));
  EXPECT_THAT(data_of("{}"), HasSubstr("resulted in error: "));
  server_.send("DELETE", std::string(kGroup) + "mutatingadmissionpolicybindings/p");
  put_in_force(policy(
      "q", {patch(fmt::format("[JSONPatch{{op: 'add', path: '/data', value: {0}.map(i, {0}.map(j, "
                              "object.data.text))}}]",
                              ten))}));
  EXPECT_THAT(data_of(fmt::format(R"({{"text":"{}"}})", std::string(100'000, 'x'))),
              HasSubstr("the patch is larger than 4194304 bytes"));
}

TEST_F(MutationAdmissionTest, GoesByNameAndOnceMoreForThoseWhoWantIt) {
  const auto appending = [](std::string_view name, std::string_view again) {
    json::Value out = policy(
        name, {apply(fmt::format("Object{{data: {{'log': object.data.log + '{}'}}}}", name))});
    out["spec"]["reinvocationPolicy"] = again;
    return out;
  };
  put_in_force(appending("b", "Never"));
  put_in_force(appending("a", "IfNeeded"));
  EXPECT_EQ(data_of(R"({"log":""})"), R"({"log":"aba"})");
  put_in_force(appending("c", "IfNeeded"));
  EXPECT_EQ(data_of(R"({"log":""})"), R"({"log":"abcac"})")
      << "c sees what a has made of it then; there is no third round";
}

TEST_F(MutationAdmissionTest, DoesNotGoTwiceWhenNobodyElseChangedAnything) {
  json::Value one = policy("a", {apply("Object{data: {'log': object.data.log + 'a'}}")});
  one["spec"]["reinvocationPolicy"] = "IfNeeded";
  put_in_force(one);
  EXPECT_EQ(data_of(R"({"log":""})"), R"({"log":"a"})");
}

TEST_F(MutationAdmissionTest, HasTheLastWordOnChangesAndNoneOnDeletions) {
  put_in_force(policy("p", {apply("Object{data: {'n': '1'}}")}));
  ASSERT_EQ(create_map(R"({"n":"1"})").status, 201);
  const auto changed =
      server_.send("PATCH", std::string(kMaps) + "/c", R"({"data":{"n":"2"}})", kMergePatch);
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(server_.parsed(changed)["data"]["n"].text(), "1");
  const auto gone = server_.send("DELETE", std::string(kMaps) + "/c");
  EXPECT_EQ(gone.status, 200) << gone.body;
}

TEST_F(MutationAdmissionTest, ChangesWhatServerSideApplySends) {
  put_in_force(policy("p", {apply("Object{data: {'added': 'x'}}")}));
  const auto made = server_.send(
      "PATCH", std::string(kMaps) + "/c?fieldManager=me",
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"own":"y"}})",
      "application/apply-patch+yaml");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(json::write(server_.parsed(made)["data"]), R"({"added":"x","own":"y"})");
  const auto again = server_.send(
      "PATCH", std::string(kMaps) + "/c?fieldManager=me",
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"other":"z"}})",
      "application/apply-patch+yaml");
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(json::write(server_.parsed(again)["data"]), R"({"added":"x","other":"z"})");
}

TEST_F(MutationAdmissionTest, ShowsADryRunWhatItWouldChange) {
  put_in_force(policy("p", {apply("Object{data: {'dry': string(request.dryRun)}}")}));
  const auto made = server_.send("POST", std::string(kMaps) + "?dryRun=All",
                                 R"({"metadata":{"generateName":"c-"},"data":{}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server_.parsed(made)["data"]["dry"].text(), "true");
  EXPECT_THAT(*server_.parsed(server_.send("GET", kMaps))["items"].as_array(), SizeIs(0));
}

TEST_F(MutationAdmissionTest, TheServersOwnAdmissionSeesWhatPoliciesMade) {
  server_.send("POST", "/api/v1/namespaces/a/limitranges", R"({"metadata":{"name":"l"},
      "spec":{"limits":[{"type":"Container","default":{"memory":"64Mi"},"max":{"memory":"1Gi"}}]}})");
  json::Value pods =
      policy("p", {apply("Object{spec: Object.spec{containers: "
                         "[Object.spec.containers{name: 'mesh', image: 'mesh:1'}]}}")});
  (*pods["spec"]["matchConstraints"]["resourceRules"].as_array())[0]["resources"] =
      json::Array{"pods"};
  put_in_force(pods);
  const auto made = server_.send("POST", "/api/v1/namespaces/a/pods", R"({"metadata":{"name":"d"},
      "spec":{"containers":[{"name":"main","image":"main:1"}]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value object = server_.parsed(made);
  const json::Value& mesh = item(object["spec"]["containers"], 1);
  EXPECT_EQ(mesh["name"].text(), "mesh");
  EXPECT_EQ(mesh["resources"]["limits"]["memory"].text(), "64Mi");
  EXPECT_EQ(mesh["imagePullPolicy"].text(), "IfNotPresent");
}

TEST_F(MutationAdmissionTest, SeesOtherVersionsAsTheOneOfItsRules) {
  json::Value scalers = policy(
      "p", {apply("Object{spec: Object.spec{targetCPUUtilizationPercentage: 70, maxReplicas: "
                  "object.spec.maxReplicas + 1}}")});
  json::Value& rule = (*scalers["spec"]["matchConstraints"]["resourceRules"].as_array())[0];
  rule["apiGroups"] = json::Array{"autoscaling"};
  rule["apiVersions"] = json::Array{"v1"};
  rule["resources"] = json::Array{"horizontalpodautoscalers"};
  put_in_force(scalers);
  const auto made = server_.send(
      "POST", "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers",
      R"({"metadata":{"name":"h"},"spec":{"maxReplicas":3,"scaleTargetRef":{"apiVersion":"apps/v1",
          "kind":"Deployment","name":"d"},"behavior":{"scaleDown":{"stabilizationWindowSeconds":7}}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value spec = server_.parsed(made)["spec"];
  EXPECT_EQ(spec["maxReplicas"].as_int64(), 4);
  EXPECT_EQ(item(spec["metrics"], 0)["resource"]["target"]["averageUtilization"].as_int64(), 70);
  EXPECT_EQ(spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"].as_int64(), 7)
      << "what the older version does not show stays";
}

TEST_F(MutationAdmissionTest, IsAskedBeforeValidatingPolicies) {
  put_in_force(policy("p", {apply("Object{data: {'n': '1'}}")}));
  ASSERT_EQ(post("validatingadmissionpolicies",
                 *json::parse(R"({"metadata":{"name":"v"},"spec":{"matchConstraints":
            {"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["*"],
            "resources":["configmaps"]}]},"validations":[{"expression":"object.data.n == '1'"}]}})"))
                .status,
            201);
  ASSERT_EQ(post("validatingadmissionpolicybindings",
                 *json::parse(R"({"metadata":{"name":"v"},"spec":{"policyName":"v",
            "validationActions":["Deny"]}})"))
                .status,
            201);
  EXPECT_EQ(data_of(R"({"n":"2"})"), R"({"n":"1"})");
}

TEST_F(MutationAdmissionTest, MayRefuseButNotChangeScales) {
  ASSERT_EQ(create_deployment().status, 201);
  json::Value scales = policy("p", {apply("Object{spec: Object.spec{replicas: 7}}")});
  (*scales["spec"]["matchConstraints"]["resourceRules"].as_array())[0]["resources"] =
      json::Array{"deployments/scale"};
  put_in_force(scales);
  const auto refused = server_.send("PATCH", std::string(kDeployments) + "/d/scale",
                                    R"({"spec":{"replicas":2}})", kMergePatch);
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_THAT(message(refused), HasSubstr("can be refused by policies but not changed"));
}

/// Policies beside webhooks.
class MutationAndWebhookTest : public MutationAdmissionTest {
 protected:
  void install(std::string_view more) {
    const auto made = server_.send(
        "POST", std::string(kGroup) + "mutatingwebhookconfigurations",
        fmt::format(
            R"({{"metadata":{{"name":"m"}},"webhooks":[{{"name":"m.hooks.test","clientConfig":{},
               "sideEffects":"None","admissionReviewVersions":["v1"],"rules":[{{"apiGroups":["*"],
               "apiVersions":["*"],"operations":["*"],"resources":["configmaps"]}}]{}}}]}})",
            hook_.client(certificate_.pem), more));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  testing::Certificate certificate_ = testing::make_certificate({});
  Hook hook_{server_.loop, certificate_.pem, certificate_.key};
};

TEST_F(MutationAndWebhookTest, PoliciesGoFirst) {
  install("");
  put_in_force(policy("p", {apply("Object{data: {'log': object.data.log + 'p'}}")}));
  const auto made = create_map(R"({"log":""})");
  ASSERT_EQ(made.status, 201) << made.body;
  ASSERT_THAT(hook_.requests, SizeIs(1));
  EXPECT_EQ(hook_.requests[0]["object"]["data"]["log"].text(), "p");
}

TEST_F(MutationAndWebhookTest, BothGoAgainAfterOneAnother) {
  install(R"(,"reinvocationPolicy":"IfNeeded")");
  json::Value again = policy("p", {apply("Object{data: {'log': object.data.log + 'p'}}")});
  again["spec"]["reinvocationPolicy"] = "IfNeeded";
  put_in_force(again);
  hook_.respond = [](const json::Value& request) {
    const std::string log(request["object"]["data"]["log"].text());
    return Hook::with_patch(
        fmt::format(R"([{{"op":"replace","path":"/data/log","value":"{}w"}}])", log));
  };
  const auto made = create_map(R"({"log":""})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server_.parsed(made)["data"]["log"].text(), "pwpw");
  EXPECT_THAT(hook_.requests, SizeIs(2));
  const auto changed =
      server_.send("PATCH", std::string(kMaps) + "/c", R"({"data":{"log":""}})", kMergePatch);
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(server_.parsed(changed)["data"]["log"].text(), "pwpw");
}

TEST_F(MutationAndWebhookTest, AWebhookThatChangesNothingBringsNobodyBack) {
  install(R"(,"reinvocationPolicy":"IfNeeded")");
  json::Value again = policy("p", {apply("Object{data: {'log': object.data.log + 'p'}}")});
  again["spec"]["reinvocationPolicy"] = "IfNeeded";
  put_in_force(again);
  const auto made = create_map(R"({"log":""})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(server_.parsed(made)["data"]["log"].text(), "p");
  EXPECT_THAT(hook_.requests, SizeIs(1));
}

}  // namespace
}  // namespace insula::apiserver
