#include "api/rbac.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

template <class T>
T read(std::string_view yaml) {
  const auto value = json::parse_yaml_document(yaml);
  EXPECT_TRUE(value) << yaml;
  T object;
  const auto decoded = decode_json(type_of<T>(), &object, *value, Strictness::kStrict);
  EXPECT_TRUE(decoded) << yaml << ": " << (decoded ? "" : decoded.error().message());
  return object;
}

std::vector<PolicyRule> rules(std::string_view yaml) {
  return read<Role>("rules: " + std::string(yaml)).rules;
}

/// What of `wanted` is beyond `held`, as texts.
std::vector<std::string> beyond(std::string_view held, std::string_view wanted) {
  const std::vector<PolicyRule> has = rules(held);
  std::vector<const PolicyRule*> pointers;
  pointers.reserve(has.size());
  for (const PolicyRule& rule : has)
    pointers.push_back(&rule);
  const auto missing = uncovered(pointers, rules(wanted));
  if (!missing) return {missing.error().message()};
  std::vector<std::string> texts;
  for (const PolicyRule& rule : *missing)
    texts.push_back(rule_text(rule));
  return texts;
}

constexpr std::string_view kAll =
    "[{verbs: ['*'], apiGroups: ['*'], resources: ['*']}, {verbs: ['*'], nonResourceURLs: ['*']}]";

struct Covered {
  std::string_view held;
  std::string_view wanted;
  std::vector<std::string> missing;
};

const Covered kCovered[] = {
    {kAll, kAll, {}},
    {kAll, "[{verbs: [get], apiGroups: [x], resources: [a/b], resourceNames: [n]}]", {}},
    {kAll, "[{verbs: [get], nonResourceURLs: [/x]}]", {}},
    {"[]",
     "[{verbs: [get, list], apiGroups: [''], resources: [pods]}]",
     {R"({APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]})"}},
    {"[{verbs: [get], apiGroups: [''], resources: [pods]}]",
     "[{verbs: [get, list], apiGroups: [''], resources: [pods]}]",
     {R"({APIGroups:[""], Resources:["pods"], Verbs:["list"]})"}},
    // Several rules together cover one.
    {"[{verbs: [get], apiGroups: [''], resources: [pods]}, {verbs: [list], apiGroups: [''], "
     "resources: ['*']}]",
     "[{verbs: [get, list], apiGroups: [''], resources: [pods]}]",
     {}},
    {"[{verbs: [get], apiGroups: [apps], resources: [pods]}]",
     "[{verbs: [get], apiGroups: [apps, ''], resources: [pods]}]",
     {R"({APIGroups:[""], Resources:["pods"], Verbs:["get"]})"}},
    // A star is more than all that can be listed.
    {"[{verbs: [get, list, watch, create, update, patch, delete], apiGroups: [''], resources: "
     "[pods]}]",
     "[{verbs: ['*'], apiGroups: [''], resources: [pods]}]",
     {R"({APIGroups:[""], Resources:["pods"], Verbs:["*"]})"}},
    {"[{verbs: [get], apiGroups: [''], resources: [pods]}]",
     "[{verbs: [get], apiGroups: ['*'], resources: [pods]}]",
     {R"({APIGroups:["*"], Resources:["pods"], Verbs:["get"]})"}},
    {"[{verbs: [get], apiGroups: [''], resources: [pods, services]}]",
     "[{verbs: [get], apiGroups: [''], resources: ['*']}]",
     {R"({APIGroups:[""], Resources:["*"], Verbs:["get"]})"}},
    {"[{verbs: [get], apiGroups: [''], resources: ['*/scale']}]",
     "[{verbs: [get], apiGroups: [''], resources: [pods/scale, '*/scale']}]",
     {}},
    {"[{verbs: [get], apiGroups: [''], resources: [pods/scale]}]",
     "[{verbs: [get], apiGroups: [''], resources: ['*/scale']}]",
     {R"({APIGroups:[""], Resources:["*/scale"], Verbs:["get"]})"}},
    {"[{verbs: [get], apiGroups: [''], resources: [pods]}]",
     "[{verbs: [get], apiGroups: [''], resources: [pods/log]}]",
     {R"({APIGroups:[""], Resources:["pods/log"], Verbs:["get"]})"}},
    // Rights to all names cover one of them, and not the other way round.
    {"[{verbs: [get], apiGroups: [''], resources: [pods]}]",
     "[{verbs: [get], apiGroups: [''], resources: [pods], resourceNames: [a]}]",
     {}},
    {"[{verbs: [get], apiGroups: [''], resources: [pods], resourceNames: [a]}]",
     "[{verbs: [get], apiGroups: [''], resources: [pods], resourceNames: [a, b]}]",
     {R"({APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]})"}},
    {"[{verbs: [get], apiGroups: [''], resources: [pods], resourceNames: [a]}]",
     "[{verbs: [get], apiGroups: [''], resources: [pods]}]",
     {R"({APIGroups:[""], Resources:["pods"], Verbs:["get"]})"}},
    {"[{verbs: [get], nonResourceURLs: ['/api/*', /x]}]",
     "[{verbs: [get], nonResourceURLs: [/api/v1, '/api/v1/*', /x]}]",
     {}},
    {"[{verbs: [get], nonResourceURLs: ['/api/*']}]",
     "[{verbs: [get, post], nonResourceURLs: [/api, /api/v1]}]",
     {R"({NonResourceURLs:["/api"], Verbs:["get" "post"]})",
      R"({NonResourceURLs:["/api/v1"], Verbs:["post"]})"}},
    // Rights to resources are none to paths.
    {"[{verbs: ['*'], apiGroups: ['*'], resources: ['*']}]",
     "[{verbs: [get], nonResourceURLs: [/metrics]}]",
     {R"({NonResourceURLs:["/metrics"], Verbs:["get"]})"}},
    {"[{verbs: ['*'], nonResourceURLs: ['*']}]",
     "[{verbs: [get], apiGroups: [''], resources: [pods]}]",
     {R"({APIGroups:[""], Resources:["pods"], Verbs:["get"]})"}},
};

TEST(Uncovered, IsWhatTheRulesSayBeyondThoseHeld) {
  for (const Covered& it : kCovered)
    EXPECT_EQ(beyond(it.held, it.wanted), it.missing) << it.held << " and " << it.wanted;
}

TEST(Uncovered, RefusesToCompareWithoutEnd) {
  PolicyRule rule;
  for (int i = 0; i < 200; ++i) {
    rule.verbs.push_back("v" + std::to_string(i));
    rule.resources.push_back("r" + std::to_string(i));
  }
  rule.api_groups = {""};
  const auto result = uncovered({}, {&rule, 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kForbidden);
  rule.verbs.resize(kComparedRightsMax / 200);
  EXPECT_TRUE(uncovered({}, {&rule, 1}));
}

std::vector<std::shared_ptr<const ClusterRole>> cluster_roles() {
  std::vector<std::shared_ptr<const ClusterRole>> roles;
  for (const char* text : {
           "metadata: {name: b, labels: {to: all}}\n"
           "rules: [{verbs: [list], apiGroups: [''], resources: [pods]}]",
           "metadata: {name: a, labels: {to: all, kind: x}}\n"
           "rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]",
           "metadata: {name: other, labels: {to: none}}\n"
           "rules: [{verbs: [delete], apiGroups: [''], resources: [pods]}]",
           "metadata: {name: twin, labels: {to: all}}\n"
           "rules: [{verbs: [list], apiGroups: [''], resources: [pods]}]",
           "metadata: {name: whole, labels: {to: all}}\n"
           "rules: [{verbs: [patch], apiGroups: [''], resources: [pods]}]",
       })
    roles.push_back(std::make_shared<const ClusterRole>(read<ClusterRole>(text)));
  return roles;
}

TEST(AggregatedRules, AreThoseOfTheRolesSelectedByNameEachOnceAndNotItsOwn) {
  const auto whole = read<ClusterRole>(
      "metadata: {name: whole, labels: {to: all}}\n"
      "aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: all}}]}\n"
      "rules: [{verbs: [forged], apiGroups: [''], resources: [pods]}]");
  std::vector<std::string> verbs;
  for (const PolicyRule& rule : aggregated_rules(whole, cluster_roles()))
    verbs.push_back(rule.verbs.front());
  EXPECT_THAT(verbs, ElementsAre("get", "list"));
}

TEST(AggregatedRules, ComeInTheOrderOfTheSelectors) {
  const auto role = read<ClusterRole>(
      "metadata: {name: z}\n"
      "aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: none}}, "
      "{matchExpressions: [{key: kind, operator: Exists}]}]}");
  std::vector<std::string> verbs;
  for (const PolicyRule& rule : aggregated_rules(role, cluster_roles()))
    verbs.push_back(rule.verbs.front());
  EXPECT_THAT(verbs, ElementsAre("delete", "get"));
  const auto nothing = read<ClusterRole>(
      "metadata: {name: z}\n"
      "aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: nobody}}]}");
  EXPECT_THAT(aggregated_rules(nothing, cluster_roles()), IsEmpty());
}

}  // namespace
}  // namespace insula::api
