#include "apiserver/audit_policy.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

std::string policy_text(std::string_view rules) {
  return fmt::format("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{}", rules);
}

AuditPolicy policy(std::string_view rules) {
  return AuditPolicy::parse(policy_text(rules)).value();
}

const User kAlice{"alice", {"dev", "system:authenticated"}};

AuditLevel level_of(const AuditPolicy& policy,
                    std::string_view method,
                    std::string_view target,
                    const User& user = kAlice) {
  return policy.decide(&user, parse_request_info(method, target).value()).level;
}

TEST(AuditPolicy, TheFirstRuleThatMatchesDecides) {
  const AuditPolicy rules = policy(R"(
- {level: None, users: [bob]}
- {level: Request, verbs: [create, update]}
- {level: Metadata}
)");
  EXPECT_EQ(level_of(rules, "POST", "/api/v1/namespaces/a/pods"), AuditLevel::kRequest);
  EXPECT_EQ(level_of(rules, "GET", "/api/v1/namespaces/a/pods"), AuditLevel::kMetadata);
  EXPECT_EQ(level_of(rules, "POST", "/api/v1/namespaces/a/pods", User{"bob", {}}),
            AuditLevel::kNone);
}

TEST(AuditPolicy, WhatNoRuleMatchesIsNotNoted) {
  const AuditPolicy rules = policy("- {level: Metadata, userGroups: [ops]}");
  EXPECT_EQ(level_of(rules, "GET", "/version"), AuditLevel::kNone);
  EXPECT_EQ(level_of(rules, "GET", "/version", User{"x", {"a", "ops"}}), AuditLevel::kMetadata);
}

TEST(AuditPolicy, RulesAboutUsersDoNotMatchWhoIsNotKnown) {
  const RequestInfo info = parse_request_info("GET", "/version").value();
  EXPECT_EQ(policy("- {level: Metadata, users: ['']}").decide(nullptr, info).level,
            AuditLevel::kNone);
  EXPECT_EQ(policy("- {level: Metadata}").decide(nullptr, info).level, AuditLevel::kMetadata);
}

TEST(AuditPolicy, ResourcesHaveSubresourcesNamesAndNamespaces) {
  struct Case {
    const char* rule;
    const char* target;
    bool matches;
  };

  const Case cases[] = {
      {"{group: '', resources: [pods]}", "/api/v1/namespaces/a/pods/x", true},
      {"{group: '', resources: [pods]}", "/api/v1/namespaces/a/pods/x/log", false},
      {"{group: '', resources: [pods/log]}", "/api/v1/namespaces/a/pods/x/log", true},
      {"{group: '', resources: [pods/log]}", "/api/v1/namespaces/a/pods/x", false},
      {"{group: '', resources: ['pods/*']}", "/api/v1/namespaces/a/pods/x/log", true},
      {"{group: '', resources: ['pods/*']}", "/api/v1/namespaces/a/pods/x", true},
      {"{group: '', resources: ['*/log']}", "/api/v1/namespaces/a/pods/x/log", true},
      {"{group: '', resources: ['*/log']}", "/api/v1/namespaces/a/pods/x", false},
      {"{group: '', resources: ['*']}", "/api/v1/namespaces/a/pods/x/log", true},
      {"{group: ''}", "/api/v1/namespaces/a/pods/x/log", true},
      {"{group: apps}", "/api/v1/namespaces/a/pods", false},
      {"{group: apps, resources: [deployments]}", "/apis/apps/v1/namespaces/a/deployments", true},
      {"{group: '', resources: [pods], resourceNames: [x]}", "/api/v1/namespaces/a/pods/x", true},
      {"{group: '', resources: [pods], resourceNames: [x]}", "/api/v1/namespaces/a/pods/y", false},
      {"{group: '', resources: [pods], resourceNames: [x]}", "/api/v1/namespaces/a/pods", false},
      {"{group: '', resources: [pods]}", "/version", false},
  };
  for (const Case& each : cases) {
    const AuditPolicy rules =
        policy(fmt::format("- level: Metadata\n  resources: [{}]", each.rule));
    EXPECT_EQ(level_of(rules, "GET", each.target) == AuditLevel::kMetadata, each.matches)
        << each.rule << " " << each.target;
  }
  const AuditPolicy in_a = policy("- {level: Metadata, namespaces: [a]}");
  EXPECT_EQ(level_of(in_a, "GET", "/api/v1/namespaces/a/pods"), AuditLevel::kMetadata);
  EXPECT_EQ(level_of(in_a, "GET", "/api/v1/namespaces/b/pods"), AuditLevel::kNone);
  EXPECT_EQ(level_of(in_a, "GET", "/version"), AuditLevel::kNone);
  const AuditPolicy cluster = policy("- {level: Metadata, namespaces: ['']}");
  EXPECT_EQ(level_of(cluster, "GET", "/api/v1/nodes"), AuditLevel::kMetadata);
  EXPECT_EQ(level_of(cluster, "GET", "/api/v1/namespaces/b/pods"), AuditLevel::kNone);
}

TEST(AuditPolicy, PathsAreWholeOrBegin) {
  const AuditPolicy rules = policy("- {level: Metadata, nonResourceURLs: [/version, '/api/*']}");
  EXPECT_EQ(level_of(rules, "GET", "/version"), AuditLevel::kMetadata);
  EXPECT_EQ(level_of(rules, "GET", "/versions"), AuditLevel::kNone);
  EXPECT_EQ(level_of(rules, "GET", "/api/v1"), AuditLevel::kMetadata);
  EXPECT_EQ(level_of(rules, "GET", "/api/v1/namespaces/a/pods"), AuditLevel::kNone);
}

TEST(AuditPolicy, StagesOfRuleAndPolicyAreBothLeftOut) {
  const AuditPolicy rules = AuditPolicy::parse(R"(
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, Panic]
omitManagedFields: true
rules:
- {level: Metadata, verbs: [watch], omitStages: [ResponseStarted], omitManagedFields: false}
- {level: Metadata}
)")
                                .value();
  const auto decide = [&](std::string_view target) {
    return rules.decide(&kAlice, parse_request_info("GET", target).value());
  };
  const AuditDecision watch = decide("/api/v1/pods?watch=1");
  EXPECT_TRUE(watch.omitted.contains(AuditStage::kRequestReceived));
  EXPECT_TRUE(watch.omitted.contains(AuditStage::kResponseStarted));
  EXPECT_FALSE(watch.omitted.contains(AuditStage::kResponseComplete));
  EXPECT_FALSE(watch.omit_managed_fields);
  const AuditDecision list = decide("/api/v1/pods");
  EXPECT_FALSE(list.omitted.contains(AuditStage::kResponseStarted));
  EXPECT_TRUE(list.omit_managed_fields);
}

TEST(AuditPolicy, MistakesAreToldWithTheirPathAndWhatWouldBeRight) {
  const std::pair<std::string, const char*> cases[] = {
      {"x: 1", "apiVersion: \"\" must be \"audit.k8s.io/v1\""},
      {"[]", "must be an object of kind Policy"},
      {policy_text("- {}").replace(0, 28, "apiVersion: audit.k8s.io/v1beta1\n"),
       "\"audit.k8s.io/v1beta1\" must be"},
      {policy_text(" []"), "rules: must be a list of at least one rule"},
      {policy_text("- {level: All}"),
       "rules[0].level: \"All\" must be one of None, Metadata, Request, RequestResponse"},
      {policy_text("- {level: None, user: [a]}"), "rules[0].user: unknown field; known are level"},
      {policy_text("- {level: None, users: a}"), "rules[0].users: must be a list of strings"},
      {policy_text("- {level: None, omitStages: [Begin]}"),
       "rules[0].omitStages: \"Begin\" must be one of RequestReceived"},
      {policy_text("- {level: None, resources: [{group: apps/v1}]}"),
       "rules[0].resources[0].group: \"apps/v1\" must be a group without a version"},
      {policy_text("- {level: None, resources: [{group: '', resourceNames: [x]}]}"),
       "rules[0].resources[0].resourceNames: needs at least one of resources"},
      {policy_text("- {level: None, nonResourceURLs: [version]}"), "must begin with /"},
      {policy_text("- {level: None, nonResourceURLs: ['/a*b']}"), "must begin with /"},
      {policy_text("- {level: None, namespaces: [a], nonResourceURLs: [/a]}"), "not for both"},
      {policy_text("- {level: None, omitManagedFields: maybe}"),
       "rules[0].omitManagedFields: must be true or false"},
  };
  for (const auto& [text, message] : cases) {
    const auto parsed = AuditPolicy::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message(), HasSubstr(message));
  }
  // All of them at once.
  const auto several = AuditPolicy::parse(policy_text("- {level: a}\n- {level: b}"));
  EXPECT_THAT(several.error().message(), HasSubstr("rules[0].level"));
  EXPECT_THAT(several.error().message(), HasSubstr("rules[1].level"));
}

TEST(AuditPolicy, TheStandardOneSaysWhoDidWhatAndLeavesTheNodesRoutineOut) {
  const AuditPolicy rules = AuditPolicy::standard();
  const User node{"system:node:n", {"system:nodes"}};
  const char* lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n";
  EXPECT_EQ(level_of(rules, "PUT", lease, node), AuditLevel::kNone);
  EXPECT_EQ(level_of(rules, "PATCH", "/api/v1/nodes/n/status", node), AuditLevel::kNone);
  EXPECT_EQ(level_of(rules, "DELETE", "/api/v1/namespaces/a/pods/x", node), AuditLevel::kMetadata);
  EXPECT_EQ(level_of(rules, "PUT", lease), AuditLevel::kMetadata);
  EXPECT_EQ(level_of(rules, "GET", "/readyz"), AuditLevel::kNone);
  // The gateway asks for it every few minutes.
  EXPECT_EQ(level_of(rules, "GET", "/openid/v1/jwks"), AuditLevel::kNone);
  EXPECT_EQ(level_of(rules, "GET", "/api/v1/namespaces/a/secrets/s"), AuditLevel::kMetadata);
}

}  // namespace
}  // namespace insula::apiserver
