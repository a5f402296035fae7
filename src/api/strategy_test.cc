#include "api/strategy.h"

#include <memory>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/admissionregistration_v1.h"
#include "api/gen/apiregistration_v1.h"
#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/flowcontrol_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1_addresses.h"
#include "api/gen/storage_v1.h"
#include "api/kind.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

template <class T>
T read(std::string_view json) {
  auto object = decode_json<T>(json, Strictness::kStrict);
  EXPECT_TRUE(object) << object.error().message();
  return *std::move(object);
}

/// A pod as the registry would store it first.
Pod stored_pod() {
  Pod pod = read<Pod>(R"({"metadata":{"name":"p","namespace":"n","uid":"u","resourceVersion":"1"},
    "spec":{"nodeName":"here","containers":[{"name":"c","image":"i:1"}]}})");
  prepare_create(kind_of<Pod>(), &pod);
  return pod;
}

TEST(Strategy, EveryServedKindHasOneWithColumnsAndCellsThatFit) {
  for (const Kind* kind : kinds()) {
    if (!kind->is_stored()) continue;
    const KindStrategy& strategy = strategy_of(*kind);
    EXPECT_EQ(&strategy.kind(), kind);
    const auto object =
        std::unique_ptr<void, void (*)(void*)>(kind->type.ops.create(), kind->type.ops.destroy);
    EXPECT_EQ(strategy.columns().size(), strategy.cells(object.get(), WallTime{}).size())
        << kind->kind;
    std::set<std::string_view> names;
    for (const Column& column : strategy.columns())
      EXPECT_TRUE(names.insert(column.name).second) << kind->kind;
  }
}

TEST(Strategy, DefaultsAreIdempotent) {
  for (const Kind* kind : kinds()) {
    if (!kind->is_stored()) continue;
    const KindStrategy& strategy = strategy_of(*kind);
    if (strategy.set_defaults == nullptr) continue;
    const auto once =
        std::unique_ptr<void, void (*)(void*)>(kind->type.ops.create(), kind->type.ops.destroy);
    strategy.set_defaults(once.get());
    const auto twice = std::unique_ptr<void, void (*)(void*)>(kind->type.ops.copy(once.get()),
                                                              kind->type.ops.destroy);
    strategy.set_defaults(twice.get());
    EXPECT_TRUE(kind->type.ops.equal(once.get(), twice.get())) << kind->kind;
  }
}

TEST(Strategy, CreationDropsStatusAndStartsTheGeneration) {
  Pod pod = read<Pod>(R"({"metadata":{"name":"p","namespace":"n","generation":7},
    "spec":{"containers":[{"name":"c","image":"i"}]},"status":{"phase":"Running","podIP":"1.2.3.4"}})");
  prepare_create(kind_of<Pod>(), &pod);
  EXPECT_EQ(pod.status.phase, "Pending");
  EXPECT_EQ(pod.status.pod_ip, "");
  EXPECT_EQ(pod.status.qos_class, "BestEffort");
  EXPECT_EQ(pod.metadata.generation, 1);
  EXPECT_TRUE(check_create(kind_of<Pod>(), &pod));
}

TEST(Strategy, AStatusOfSomeKindsChangesNoMetadata) {
  FlowSchema old = read<FlowSchema>(R"({"metadata":{"name":"f","labels":{"a":"b"}}})");
  FlowSchema now = old;
  now.metadata.labels["c"] = "d";
  now.metadata.finalizers = {"example.com/mine"};
  now.metadata.managed_fields.emplace_back().manager = "m";
  now.status.conditions.emplace_back().type = "Dangling";
  prepare_update(kind_of<FlowSchema>(), &now, &old, "status");
  EXPECT_EQ(now.metadata.labels, old.metadata.labels);
  EXPECT_TRUE(now.metadata.finalizers.empty());
  EXPECT_EQ(now.metadata.managed_fields.size(), 1U);
  EXPECT_EQ(now.status.conditions.size(), 1U);
}

template <class T>
void expect_status_keeps_metadata() {
  T old;
  old.metadata.name = "x";
  T now = old;
  now.metadata.labels["a"] = "b";
  now.metadata.finalizers = {"example.com/mine"};
  prepare_update(kind_of<T>(), &now, &old, "status");
  EXPECT_EQ(now.metadata, old.metadata) << kind_of<T>().kind;
  now.metadata.labels["a"] = "b";
  prepare_update(kind_of<T>(), &now, &old, "");
  EXPECT_EQ(now.metadata.labels.size(), 1U) << kind_of<T>().kind;
}

TEST(Strategy, NorDoesThatOfTheOthersOfThem) {
  expect_status_keeps_metadata<APIService>();
  expect_status_keeps_metadata<PriorityLevelConfiguration>();
  expect_status_keeps_metadata<ServiceCIDR>();
  expect_status_keeps_metadata<ValidatingAdmissionPolicy>();
  expect_status_keeps_metadata<VolumeAttachment>();
}

TEST(Strategy, AWriteToTheObjectKeepsTheStatus) {
  Pod old = stored_pod();
  old.status.phase = "Running";
  Pod now = old;
  now.status.phase = "Failed";
  now.spec.containers[0].image = "i:2";
  prepare_update(kind_of<Pod>(), &now, &old, "");
  EXPECT_EQ(now.status.phase, "Running");
  EXPECT_EQ(now.metadata.generation, 2);
  EXPECT_TRUE(check_update(kind_of<Pod>(), &now, &old, ""));
}

TEST(Strategy, AWriteToTheStatusKeepsEverythingElse) {
  const Pod old = stored_pod();
  Pod now = old;
  now.status.phase = "Running";
  now.spec.containers[0].image = "other";
  now.metadata.owner_references.push_back(
      {.kind = "Node", .name = "n", .uid = "u", .api_version = "v1"});
  prepare_update(kind_of<Pod>(), &now, &old, "status");
  EXPECT_EQ(now.status.phase, "Running");
  EXPECT_EQ(now.spec, old.spec);
  EXPECT_TRUE(now.metadata.owner_references.empty());
  EXPECT_EQ(now.metadata.generation, 1);
}

/// A kind whose spec and status are written apart, each in two versions.
struct Halves {
  const char* api_version;
  const char* kind;
  const char* spec;
  const char* other_spec;
  const char* status;
  const char* other_status;
};

constexpr Halves kHalves[] = {
    {"batch/v1", "Job", "{parallelism: 1}", "{parallelism: 2}", "{succeeded: 1}", "{succeeded: 2}"},
    {"batch/v1", "CronJob", "{suspend: false}", "{suspend: true}",
     "{lastScheduleTime: '2026-01-01T00:00:00Z'}", "{lastScheduleTime: '2026-01-02T00:00:00Z'}"},
    {"apps/v1", "Deployment", "{replicas: 1}", "{replicas: 2}", "{replicas: 1}", "{replicas: 2}"},
    {"apps/v1", "ReplicaSet", "{replicas: 1}", "{replicas: 2}", "{replicas: 1}", "{replicas: 2}"},
    {"apps/v1", "StatefulSet", "{replicas: 1}", "{replicas: 2}", "{replicas: 1}", "{replicas: 2}"},
    {"apps/v1", "DaemonSet", "{minReadySeconds: 1}", "{minReadySeconds: 2}", "{numberReady: 1}",
     "{numberReady: 2}"},
    {"v1", "ReplicationController", "{replicas: 1}", "{replicas: 2}", "{replicas: 1}",
     "{replicas: 2}"},
    {"v1", "PersistentVolume", "{storageClassName: a}", "{storageClassName: b}", "{phase: Bound}",
     "{phase: Released}"},
    {"v1", "PersistentVolumeClaim", "{volumeName: a}", "{volumeName: b}", "{phase: Bound}",
     "{phase: Lost}"},
    {"policy/v1", "PodDisruptionBudget", "{minAvailable: 1}", "{minAvailable: 2}",
     "{currentHealthy: 1}", "{currentHealthy: 2}"},
    {"autoscaling/v2", "HorizontalPodAutoscaler", "{maxReplicas: 1}", "{maxReplicas: 2}",
     "{desiredReplicas: 1}", "{desiredReplicas: 2}"},
    {"networking.k8s.io/v1", "Ingress", "{ingressClassName: a}", "{ingressClassName: b}",
     "{loadBalancer: {ingress: [{ip: 10.0.0.1}]}}", "{loadBalancer: {ingress: [{ip: 10.0.0.2}]}}"},
    {"storage.k8s.io/v1", "VolumeAttachment", "{attacher: a}", "{attacher: b}", "{attached: false}",
     "{attached: true}"},
};

TEST(Strategy, NobodyWritesSpecAndStatusAtOnce) {
  for (const Halves& kind : kHalves) {
    SCOPED_TRACE(kind.kind);
    const auto object = [&](const char* spec, const char* status) {
      return read_object(fmt::format("{{apiVersion: {}, kind: {}, spec: {}, status: {}}}",
                                     kind.api_version, kind.kind, spec, status));
    };
    const TestObject old = object(kind.spec, kind.status);
    if (const auto set_defaults = strategy_of(*old.kind).set_defaults; set_defaults != nullptr)
      set_defaults(old.object.get());
    for (const char* subresource : {"", "status"}) {
      const bool of_status = subresource == std::string_view("status");
      const TestObject now = object(kind.other_spec, kind.other_status);
      prepare_update(*now.kind, now.object.get(), old.object.get(), subresource);
      const json::Value before = to_json(old.kind->type, old.object.get());
      const json::Value after = to_json(now.kind->type, now.object.get());
      EXPECT_EQ(after["spec"] == before["spec"], of_status);
      EXPECT_EQ(after["status"] == before["status"], !of_status);
    }
  }
}

TEST(Strategy, ADeletionCannotBeTakenBack) {
  Pod old = stored_pod();
  old.metadata.deletion_timestamp = Time{100};
  old.metadata.deletion_grace_period_seconds = 30;
  Pod now = old;
  now.metadata.deletion_timestamp.reset();
  now.metadata.deletion_grace_period_seconds.reset();
  prepare_update(kind_of<Pod>(), &now, &old, "");
  EXPECT_EQ(now.metadata.deletion_timestamp, Time{100});
  EXPECT_TRUE(check_update(kind_of<Pod>(), &now, &old, ""));
}

TEST(Strategy, AnInvalidObjectIsAnsweredInKubernetesWords) {
  Deployment deployment = read<Deployment>(R"({"metadata":{"name":"Web","namespace":"n"},"spec":{
    "selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"b"}},
    "spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  prepare_create(kind_of<Deployment>(), &deployment);
  const auto result = check_create(kind_of<Deployment>(), &deployment);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(result.error().message(),
            "Deployment.apps \"Web\" is invalid: [metadata.name: Invalid value: \"Web\": a "
            "lowercase RFC 1123 "
            "subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with "
            "an alphanumeric character (e.g. 'example.com', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'), "
            "spec.template.metadata.labels: Invalid value: {\"app\":\"b\"}: `selector` does not "
            "match template "
            "`labels`]");
  ASSERT_EQ(result.error().causes().size(), 2U);
  EXPECT_EQ(result.error().causes()[1].field, "spec.template.metadata.labels");
  EXPECT_EQ(result.error().causes()[1].reason, "FieldValueInvalid");
}

TEST(Strategy, AServiceKeepsThePortsOfTheNodesWhileItNeedsThem) {
  const Kind& kind = kind_of<Service>();
  Service old = read<Service>(R"({"metadata":{"name":"s","namespace":"n","uid":"u"},"spec":{
    "type":"NodePort","clusterIP":"10.0.0.1","ports":[{"port":80,"nodePort":30001}]}})");
  prepare_create(kind, &old);
  Service without = old;
  without.spec.ports[0].node_port = 0;
  prepare_update(kind, &without, &old, "");
  EXPECT_EQ(without.spec.ports[0].node_port, 30001);

  Service inside = old;
  inside.spec.type = "ClusterIP";
  prepare_update(kind, &inside, &old, "");
  EXPECT_EQ(inside.spec.ports[0].node_port, 0);
  EXPECT_EQ(inside.spec.external_traffic_policy, "");
  EXPECT_EQ(inside.spec.cluster_ip, "10.0.0.1");
  EXPECT_TRUE(check_update(kind, &inside, &old, ""));
}

TEST(Strategy, ANamespaceKeepsItsFinalizerUntilItIsFinalized) {
  const Kind& kind = kind_of<Namespace>();
  Namespace old = read<Namespace>(R"({"metadata":{"name":"a"}})");
  prepare_create(kind, &old);
  EXPECT_EQ(old.spec.finalizers, std::vector<std::string>{"kubernetes"});
  EXPECT_EQ(old.metadata.labels.at("kubernetes.io/metadata.name"), "a");
  Namespace now = old;
  now.spec.finalizers.clear();
  prepare_update(kind, &now, &old, "");
  EXPECT_EQ(now.spec.finalizers, old.spec.finalizers);
  now.spec.finalizers.clear();
  prepare_update(kind, &now, &old, "finalize");
  EXPECT_TRUE(now.spec.finalizers.empty());
}

TEST(Strategy, ANetworkPolicyIsAnsweredWithAWarning) {
  const KindStrategy& strategy =
      strategy_of(*find_kind("networking.k8s.io", "v1", "networkpolicies"));
  ASSERT_NE(strategy.warnings, nullptr);
  EXPECT_EQ(strategy.warnings(nullptr).size(), 1U);
}

TEST(Strategy, PodsThatNobodyRunsAreDeletedAtOnce) {
  const KindStrategy& strategy = strategy_of(kind_of<Pod>());
  Pod pod = stored_pod();
  EXPECT_EQ(strategy.grace_period_seconds(&pod, std::nullopt), 30);
  EXPECT_EQ(strategy.grace_period_seconds(&pod, 5), 5);
  EXPECT_EQ(strategy.grace_period_seconds(&pod, -5), 1);
  pod.status.phase = "Succeeded";
  EXPECT_EQ(strategy.grace_period_seconds(&pod, std::nullopt), 0);
  pod.status.phase = "Running";
  pod.spec.node_name.clear();
  EXPECT_EQ(strategy.grace_period_seconds(&pod, std::nullopt), 0);
}

TEST(Strategy, FieldsCanBeSelectedByTheirPath) {
  const Pod pod = stored_pod();
  const Kind& kind = kind_of<Pod>();
  EXPECT_EQ(selectable_field(kind, &pod, "metadata.name"), "p");
  EXPECT_EQ(selectable_field(kind, &pod, "spec.nodeName"), "here");
  EXPECT_EQ(selectable_field(kind, &pod, "status.phase"), "Pending");
  EXPECT_EQ(selectable_field(kind, &pod, "spec.hostNetwork"), "false");
  EXPECT_EQ(selectable_field(kind, &pod, "spec.containers"), std::nullopt);
  EXPECT_FALSE(is_selectable_field(kind, "spec.containers"));
}

}  // namespace
}  // namespace insula::api
