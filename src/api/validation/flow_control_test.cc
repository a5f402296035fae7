#include "api/flow_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string schema(const std::string& spec, const std::string& name = "x") {
  return "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: " + name +
         "}\nspec: {priorityLevelConfiguration: {name: p}, " + spec + "}\n";
}

std::string with_rule(const std::string& rule) {
  return schema("rules: [{subjects: [{kind: User, user: {name: a}}], " + rule + "}]");
}

std::string with_subject(const std::string& subject) {
  return schema("rules: [{subjects: [" + subject +
                "], nonResourceRules: [{verbs: ['*'], nonResourceURLs: ['*']}]}]");
}

std::string level(const std::string& spec, const std::string& name = "x") {
  return "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: PriorityLevelConfiguration\nmetadata: "
         "{name: " +
         name + "}\nspec: {" + spec + "}\n";
}

TEST(FlowSchema, MayNameSubjectsResourcesAndPaths) {
  EXPECT_THAT(wrong(schema("matchingPrecedence: 10000, distinguisherMethod: {type: ByNamespace}")),
              IsEmpty());
  EXPECT_THAT(wrong(with_rule("resourceRules: [{verbs: [get, list], apiGroups: [''], resources: "
                              "[pods], namespaces: ['*']}], nonResourceRules: [{verbs: ['*'], "
                              "nonResourceURLs: [/, /healthz, '/metrics/*']}]")),
              IsEmpty());
  EXPECT_THAT(wrong(with_rule("resourceRules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*'], "
                              "clusterScope: true}]")),
              IsEmpty());
  EXPECT_THAT(wrong(with_subject("{kind: Group, group: {name: '*'}}, {kind: ServiceAccount, "
                                 "serviceAccount: {namespace: n, name: '*'}}")),
              IsEmpty());
}

TEST(FlowSchema, IsRefusedInKubernetesWords) {
  EXPECT_THAT(
      wrong(schema("matchingPrecedence: 1")),
      ElementsAre("spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may "
                  "have matchingPrecedence 1"));
  EXPECT_THAT(wrong(schema("matchingPrecedence: -1")),
              ElementsAre("spec.matchingPrecedence: Invalid value: -1: must be a positive value"));
  EXPECT_THAT(
      wrong(schema("matchingPrecedence: 10001, distinguisherMethod: {type: ByHost}")),
      ElementsAre("spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
                  "spec.distinguisherMethod.type: Unsupported value: {\"type\":\"ByHost\"}: "
                  "supported values: \"ByNamespace\", \"ByUser\""));
  EXPECT_THAT(
      wrong("apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nspec: "
            "{priorityLevelConfiguration: {}, rules: [{}]}"),
      ElementsAre("spec.priorityLevelConfiguration.name: Required value: must reference a priority "
                  "level",
                  "spec.rules[0].subjects: Required value: subjects must contain at least one "
                  "value",
                  "spec.rules[0]: Required value: at least one of resourceRules and "
                  "nonResourceRules has to be non-empty"));
}

TEST(FlowSchema, RulesAreRefusedInKubernetesWords) {
  EXPECT_THAT(
      wrong(with_rule("resourceRules: [{verbs: [get, '*'], apiGroups: ['', '*'], resources: [], "
                      "namespaces: [a, '*']}]")),
      ElementsAre(
          "spec.rules[0].resourceRules[0].verbs: Invalid value: [\"get\",\"*\"]: if '*' is "
          "present, must not specify other verbs",
          "spec.rules[0].resourceRules[0].apiGroups: Invalid value: [\"\",\"*\"]: if '*' is "
          "present, must not specify other api groups",
          "spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at "
          "least one resource",
          "spec.rules[0].resourceRules[0].namespaces: Invalid value: [\"a\",\"*\"]: if '*' is "
          "present, must not specify other namespaces"));
  EXPECT_THAT(
      wrong(with_rule("resourceRules: [{verbs: [fly], apiGroups: [a], resources: [b]}]")),
      ElementsAre(
          HasSubstr(
              "verbs: Unsupported value: [\"fly\"]: supported values: \"create\", \"delete\", "
              "\"deletecollection\", \"get\", \"list\", \"patch\", \"proxy\", \"update\", "
              "\"watch\""),
          HasSubstr("namespaces: Required value: resource rules that are not cluster scoped must "
                    "supply at least one namespace")));
  EXPECT_THAT(
      wrong(with_rule("nonResourceRules: [{verbs: [get], nonResourceURLs: [a, /a b, /a//b, "
                      "'/a*', '/*/*', '']}]")),
      ElementsAre(HasSubstr("[0]: Invalid value: \"a\": must start with slash"),
                  HasSubstr("[1]: Invalid value: \"/a b\": must not contain white-space"),
                  HasSubstr("[2]: Invalid value: \"/a//b\": must not contain double slash"),
                  HasSubstr("[3]: Invalid value: \"/a*\": wildcard can only do suffix matching"),
                  HasSubstr("[4]: Invalid value: \"/*/*\": wildcard can only do suffix matching"),
                  HasSubstr("[5]: Invalid value: \"\": must not be empty")));
}

TEST(FlowSchema, SubjectsHaveWhatTheirKindSays) {
  const std::string path = "spec.rules[0].subjects[0].";
  EXPECT_THAT(wrong(with_subject("{kind: Robot}")),
              ElementsAre(path + "kind: Unsupported value: \"Robot\": supported values: \"Group\", "
                                 "\"ServiceAccount\", \"User\""));
  EXPECT_THAT(wrong(with_subject("{kind: User, group: {name: g}}")),
              ElementsAre(path + "user: Required value: user is required when subject kind is "
                                 "'User'",
                          path + "group: Forbidden: group is forbidden when subject kind is not "
                                 "'Group'"));
  EXPECT_THAT(wrong(with_subject("{kind: ServiceAccount, serviceAccount: {name: ''}, user: {name: "
                                 "u}}")),
              ElementsAre(path + "serviceAccount.name: Required value",
                          path + "serviceAccount.namespace: Required value: must specify namespace "
                                 "for service account",
                          path + "user: Forbidden: user is forbidden when subject kind is not "
                                 "'User'"));
}

TEST(PriorityLevel, IsRefusedInKubernetesWords) {
  EXPECT_THAT(
      wrong(level("type: Exempt, limited: {limitResponse: {type: Reject}}")),
      ElementsAre("spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is "
                  "'exempt'",
                  "spec.limited: Forbidden: must be nil if the type is not Limited"));
  EXPECT_THAT(wrong(level("type: Limited, exempt: {}")),
              ElementsAre("spec.exempt: Forbidden: must be nil if the type is Limited",
                          "spec.limited: Required value: must not be empty when type is Limited"));
  EXPECT_THAT(wrong(level("type: Some")),
              ElementsAre("spec.type: Unsupported value: \"Some\": supported values: \"Exempt\", "
                          "\"Limited\""));
  EXPECT_THAT(
      wrong(level("type: Limited, limited: {nominalConcurrencyShares: -1, lendablePercent: 101, "
                  "borrowingLimitPercent: -1, limitResponse: {type: Queue}}")),
      ElementsAre("spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a "
                  "non-negative integer",
                  "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, "
                  "inclusive",
                  "spec.limited.limitResponse.queuing: Required value: must not be empty if "
                  "limited.limitResponse.type is Limited",
                  "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a "
                  "non-negative integer"));
}

TEST(PriorityLevel, QueuesMustLeaveRoomForAHand) {
  const auto queuing = [](const std::string& text) {
    return wrong(
        level("type: Limited, limited: {limitResponse: {type: Queue, queuing: {" + text + "}}}"));
  };
  EXPECT_THAT(queuing(""), IsEmpty());
  const std::string path = "spec.limited.limitResponse.queuing.";
  EXPECT_THAT(queuing("queues: 4"),
              ElementsAre(path + "handSize: Invalid value: 8: should not be greater than queues "
                                 "(4)"));
  EXPECT_THAT(queuing("queues: -1, handSize: -1, queueLengthLimit: -1"),
              ElementsAre(path + "queueLengthLimit: Invalid value: -1: must be positive",
                          path + "queues: Invalid value: -1: must be positive",
                          path + "handSize: Invalid value: -1: must be positive"));
  EXPECT_THAT(queuing("queues: 512, handSize: 8"),
              ElementsAre(path + "handSize: Invalid value: 8: required entropy bits of deckSize "
                                 "512 and handSize 8 should not be greater than 60"));
  EXPECT_THAT(queuing("queues: 10000001, handSize: 1"),
              ElementsAre(path + "queues: Invalid value: 10000001: must not be greater than "
                                 "10000000"));
}

TEST(FlowControl, DefaultsAreThoseOfKubernetes) {
  EXPECT_EQ(created(schema("")).as<FlowSchema>().spec.matching_precedence, 1000);
  const auto it =
      created(level("type: Limited, limited: {limitResponse: {type: Queue, queuing: "
                    "{}}}"));
  const LimitedPriorityLevelConfiguration& limited =
      *it.as<PriorityLevelConfiguration>().spec.limited;
  EXPECT_EQ(limited.nominal_concurrency_shares, 30);
  EXPECT_EQ(limited.lendable_percent, 0);
  EXPECT_FALSE(limited.borrowing_limit_percent);
  EXPECT_EQ(limited.limit_response.queuing->queues, 64);
  EXPECT_EQ(limited.limit_response.queuing->hand_size, 8);
  EXPECT_EQ(limited.limit_response.queuing->queue_length_limit, 50);
}

template <class T>
void expect_good(const std::vector<T>& objects) {
  for (T object : objects) {
    prepare_create(kind_of<T>(), &object);
    EXPECT_THAT(causes_of(check_create(kind_of<T>(), &object)), IsEmpty()) << object.metadata.name;
  }
}

TEST(FlowControl, WhatThereIsFromTheStartKeepsTheRules) {
  expect_good(mandatory_flow_schemas());
  expect_good(suggested_flow_schemas());
  expect_good(mandatory_priority_levels());
  expect_good(suggested_priority_levels());
}

TEST(FlowControl, MandatorySpecsAreFixed) {
  FlowSchema catch_all = mandatory_flow_schemas().back();
  catch_all.spec.matching_precedence = 9999;
  prepare_create(kind_of<FlowSchema>(), &catch_all);
  EXPECT_THAT(causes_of(check_create(kind_of<FlowSchema>(), &catch_all)),
              ElementsAre(HasSubstr("spec of 'catch-all' must equal the fixed value")));
  PriorityLevelConfiguration exempt = mandatory_priority_levels().front();
  exempt.spec.exempt->nominal_concurrency_shares = 10;
  EXPECT_THAT(causes_of(check_create(kind_of<PriorityLevelConfiguration>(), &exempt)), IsEmpty());
  PriorityLevelConfiguration level = mandatory_priority_levels().back();
  level.spec.limited->nominal_concurrency_shares = 10;
  EXPECT_THAT(causes_of(check_create(kind_of<PriorityLevelConfiguration>(), &level)),
              ElementsAre(HasSubstr("spec of 'catch-all' must equal the fixed value")));
}

TEST(FlowControl, RowsAreAsKubectlGetPrintsThem) {
  const WallTime now = Time::parse("2026-11-23T12:00:00Z")->wall();
  EXPECT_THAT(row_of(schema("matchingPrecedence: 7"), now),
              ElementsAre("x", "p", "7", "<none>", "5m", "?"));
  EXPECT_THAT(row_of(schema("matchingPrecedence: 7, distinguisherMethod: {type: ByUser}") +
                         "status: {conditions: [{type: Dangling, status: 'True'}]}",
                     now),
              ElementsAre("x", "p", "7", "ByUser", "5m", "True"));
  EXPECT_THAT(row_of(level("type: Exempt, exempt: {}"), now),
              ElementsAre("x", "Exempt", "<none>", "<none>", "<none>", "<none>", "5m"));
  EXPECT_THAT(
      row_of(level("type: Limited, limited: {nominalConcurrencyShares: 5, limitResponse: {type: "
                   "Queue, queuing: {queues: 64, handSize: 6, queueLengthLimit: 50}}}"),
             now),
      ElementsAre("x", "Limited", "5", "64", "6", "50", "5m"));
}

}  // namespace
}  // namespace insula::api
