#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string workload(const std::string& kind, const std::string& spec = "") {
  return "apiVersion: apps/v1\nkind: " + kind +
         "\nspec: {selector: {matchLabels: {app: a}}, template: " + kTestPods +
         (spec.empty() ? "" : ", " + spec) + "}\n";
}

std::string stateful(const std::string& spec = "") {
  return workload("StatefulSet", "serviceName: s" + (spec.empty() ? spec : ", " + spec));
}

TEST(StatefulSet, MeansWhatIsLeftOut) {
  const TestObject made =
      created(stateful("volumeClaimTemplates: [{metadata: {name: data}, spec: "
                       "{accessModes: [ReadWriteOnce], resources: {requests: "
                       "{storage: 1Gi}}}}]"));
  const StatefulSetSpec& spec = made.as<StatefulSet>().spec;
  EXPECT_EQ(spec.replicas, 1);
  EXPECT_EQ(spec.pod_management_policy, "OrderedReady");
  EXPECT_EQ(spec.update_strategy.type, "RollingUpdate");
  EXPECT_EQ(spec.update_strategy.rolling_update->partition, 0);
  EXPECT_EQ(spec.revision_history_limit, 10);
  EXPECT_EQ(spec.persistent_volume_claim_retention_policy->when_deleted, "Retain");
  EXPECT_EQ(spec.volume_claim_templates[0].spec.volume_mode, "Filesystem");
  EXPECT_EQ(made.as<StatefulSet>().metadata.generation, 1);
  EXPECT_THAT(causes_of(check_create(*made.kind, made.object.get())), IsEmpty());
}

TEST(StatefulSet, ItsClaimsAreVolumesThatContainersCanMount) {
  const std::string claims =
      "volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], "
      "resources: {requests: {storage: 1Gi}}}}]";
  const std::string mounting =
      "apiVersion: apps/v1\nkind: StatefulSet\nspec: {serviceName: s, selector: {matchLabels: "
      "{app: "
      "a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i, "
      "volumeMounts: [{name: data, mountPath: /d}]}]}}, ";
  EXPECT_THAT(wrong(mounting + claims + "}"), IsEmpty());
  EXPECT_THAT(wrong(mounting + "replicas: 1}"),
              ElementsAre("spec.template.spec.containers[0].volumeMounts[0].name: Not found: "
                          "\"data\""));
}

TEST(StatefulSet, IsRefusedInKubernetesWords) {
  EXPECT_THAT(
      wrong(stateful("podManagementPolicy: Random, updateStrategy: {type: OnDelete, rollingUpdate: "
                     "{partition: 1}}, replicas: -1")),
      ElementsAre(
          "spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or "
          "'Parallel'",
          "spec.updateStrategy.rollingUpdate: Invalid value: {\"partition\":1}: only allowed "
          "for updateStrategy 'RollingUpdate'",
          "spec.replicas: Invalid value: -1: must be greater than or equal to 0"));
  EXPECT_THAT(
      wrong(stateful("volumeClaimTemplates: [{metadata: {name: data}, spec: {}}]")),
      ElementsAre("spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 "
                  "access mode is required",
                  "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value"));
  EXPECT_THAT(wrong(stateful() + "metadata: {name: a.b}"),
              ElementsAre("metadata.name: Invalid value: \"a.b\": must not contain dots"));
}

TEST(StatefulSet, MayChangeInSixWays) {
  EXPECT_THAT(
      wrong_change(stateful(), stateful("replicas: 3, minReadySeconds: 5, ordinals: {start: "
                                        "1}, updateStrategy: {type: OnDelete}")),
      IsEmpty());
  EXPECT_THAT(
      wrong_change(stateful(), workload("StatefulSet", "serviceName: other")),
      ElementsAre("spec: Forbidden: updates to statefulset spec for fields other than 'replicas', "
                  "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                  "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"));
  EXPECT_THAT(
      wrong_change(stateful(), stateful() + "status: {replicas: 1, readyReplicas: 2}", "status"),
      ElementsAre("status.readyReplicas: Invalid value: 2: cannot be greater than "
                  "status.replicas"));
}

TEST(DaemonSet, ReplacesOneAfterTheOtherUnlessToldOtherwise) {
  const TestObject made = created(workload("DaemonSet"));
  const DaemonSetSpec& spec = made.as<DaemonSet>().spec;
  EXPECT_EQ(spec.update_strategy.rolling_update->max_unavailable, IntOrString(1));
  EXPECT_EQ(spec.update_strategy.rolling_update->max_surge, IntOrString(0));
  EXPECT_THAT(causes_of(check_create(*made.kind, made.object.get())), IsEmpty());
  EXPECT_THAT(
      wrong(workload("DaemonSet", "updateStrategy: {rollingUpdate: {maxSurge: 1}}")),
      ElementsAre(
          "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when "
          "maxUnavailable is non-zero"));
  EXPECT_THAT(
      wrong(workload("DaemonSet", "updateStrategy: {rollingUpdate: {maxUnavailable: 0}}")),
      ElementsAre("spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 "
                  "when maxSurge is 0"));
  EXPECT_THAT(
      wrong(workload("DaemonSet", "updateStrategy: {rollingUpdate: {maxUnavailable: 120%}}")),
      ElementsAre("spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: \"120%\": must "
                  "not be greater than 100%"));
}

TEST(DaemonSet, KeepsItsSelector) {
  std::string other = workload("DaemonSet");
  other.replace(other.find("app: a"), 6, "app: b");
  EXPECT_THAT(wrong_change(workload("DaemonSet"), other),
              testing::Contains("spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: "
                                "field is immutable"));
}

TEST(ReplicationController, TakesItsSelectorFromTheTemplate) {
  const TestObject made =
      created("apiVersion: v1\nkind: ReplicationController\nspec: {template: " + kTestPods + "}");
  const auto& it = made.as<ReplicationController>();
  EXPECT_EQ(it.spec.replicas, 1);
  EXPECT_EQ(it.spec.selector.at("app"), "a");
  EXPECT_EQ(it.metadata.labels.at("app"), "a");
  EXPECT_THAT(causes_of(check_create(*made.kind, made.object.get())), IsEmpty());
  EXPECT_THAT(
      wrong("apiVersion: v1\nkind: ReplicationController\nspec: {selector: {app: b}, "
            "template: " +
            kTestPods + "}"),
      ElementsAre("spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` "
                  "does not match template `labels`"));
  EXPECT_THAT(wrong("apiVersion: v1\nkind: ReplicationController\nspec: {}"),
              ElementsAre("spec.selector: Required value", "spec.template: Required value"));
}

TEST(ControllerRevision, IsAnObjectThatStaysAsItIs) {
  const std::string head = "apiVersion: apps/v1\nkind: ControllerRevision\nrevision: 1\n";
  EXPECT_THAT(wrong(head + "data: {a: 1}"), IsEmpty());
  EXPECT_THAT(wrong(head), ElementsAre("data: Required value: data is mandatory"));
  EXPECT_THAT(wrong(head + "data: [1]"),
              ElementsAre("data: Required value: data must be a valid JSON object"));
  EXPECT_THAT(wrong_change(head + "data: {a: 1}", head + "data: {a: 2}"),
              ElementsAre("data: Invalid value: {\"a\":2}: field is immutable"));
}

TEST(PodTemplate, IsCheckedAsPodsAre) {
  EXPECT_THAT(wrong("apiVersion: v1\nkind: PodTemplate\ntemplate: " + kTestPods), IsEmpty());
  EXPECT_THAT(wrong("apiVersion: v1\nkind: PodTemplate\ntemplate: {}"),
              ElementsAre("template.spec.containers: Required value"));
}

TEST(DaemonSet, CountsItsTemplates) {
  constexpr const char* kCount = "deprecated.daemonset.template.generation";
  const TestObject old = created(
      "{apiVersion: apps/v1, kind: DaemonSet, metadata: {annotations: {" + std::string(kCount) +
      ": '7'}}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, "
      "spec: {containers: [{name: c, image: i}]}}}}");
  EXPECT_EQ(old.as<DaemonSet>().metadata.annotations.at(kCount), "1");
  DaemonSet now = old.as<DaemonSet>();
  now.metadata.annotations.clear();
  now.spec.min_ready_seconds = 3;
  prepare_update(*old.kind, &now, old.object.get(), "");
  EXPECT_EQ(now.metadata.annotations.at(kCount), "1");
  now.spec.template_.spec.containers[0].image = "j";
  prepare_update(*old.kind, &now, old.object.get(), "");
  EXPECT_EQ(now.metadata.annotations.at(kCount), "2");
}

TEST(StatefulSet, LeavesOpenHowManyPodsMayBeMissing) {
  const TestObject set = created(
      "{apiVersion: apps/v1, kind: StatefulSet, spec: {serviceName: s, selector: {matchLabels: "
      "{a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: "
      "i}]}}}}");
  const auto& strategy = set.as<StatefulSet>().spec.update_strategy;
  EXPECT_EQ(strategy.rolling_update->partition, 0);
  EXPECT_FALSE(strategy.rolling_update->max_unavailable);
}

TEST(ReplicaSet, IsNotSelectedByItsSize) {
  EXPECT_FALSE(is_selectable_field(kind_of<ReplicaSet>(), "status.replicas"));
  EXPECT_TRUE(is_selectable_field(kind_of<ReplicationController>(), "status.replicas"));
}

}  // namespace
}  // namespace insula::api
