#include "api/columns/columns.h"

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/kind.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using namespace std::chrono_literals;

/// 2026-11-23T12:00:00Z
const WallTime kNow = Time::parse("2026-11-23T12:00:00Z")->wall();

TEST(HumanDuration, IsAsKubectlWritesIt) {
  EXPECT_EQ(human_duration(-2s), "<invalid>");
  EXPECT_EQ(human_duration(-1s), "0s");
  EXPECT_EQ(human_duration(0s), "0s");
  EXPECT_EQ(human_duration(119s), "119s");
  EXPECT_EQ(human_duration(2min), "2m");
  EXPECT_EQ(human_duration(3min + 20s), "3m20s");
  EXPECT_EQ(human_duration(10min + 20s), "10m");
  EXPECT_EQ(human_duration(179min), "179m");
  EXPECT_EQ(human_duration(3h), "3h");
  EXPECT_EQ(human_duration(3h + 5min), "3h5m");
  EXPECT_EQ(human_duration(8h + 5min), "8h");
  EXPECT_EQ(human_duration(47h), "47h");
  EXPECT_EQ(human_duration(48h), "2d");
  EXPECT_EQ(human_duration(52h), "2d4h");
  EXPECT_EQ(human_duration(24h * 8), "8d");
  EXPECT_EQ(human_duration(24h * 729), "729d");
  EXPECT_EQ(human_duration(24h * 730), "2y");
  EXPECT_EQ(human_duration(24h * 731), "2y1d");
  EXPECT_EQ(human_duration(24h * 365 * 9), "9y");
}

TEST(SelectorText, OrdersItsRulesByKey) {
  LabelSelector selector;
  selector.match_labels = {{"b", "1"}};
  selector.match_expressions = {{.key = "c", .operator_ = "DoesNotExist"},
                                {.key = "a", .operator_ = "In", .values = {"y", "x"}},
                                {.key = "d", .operator_ = "Exists"}};
  EXPECT_EQ(selector_text(selector), "a in (x,y),b=1,!c,d");
  EXPECT_EQ(selector_text({}), "");
  EXPECT_EQ(label_text({}), "<none>");
}

/// The columns and cells of one object. `created` five minutes ago, name `x`.
struct Row {
  std::string_view about;
  std::string_view yaml;
  std::vector<std::string> cells;
};

void PrintTo(const Row& it, std::ostream* out) {
  *out << it.about;
}

class RowTest : public testing::TestWithParam<Row> {};

TEST_P(RowTest, IsAsKubectlGetPrintsIt) {
  const auto document = json::parse_yaml_document(GetParam().yaml);
  ASSERT_TRUE(document) << document.error().message();
  const json::Object& members = *document->as_object();
  const Kind* kind =
      find_kind(*members.find("apiVersion")->as_string(), *members.find("kind")->as_string());
  const std::unique_ptr<void, void (*)(void*)> object(kind->type.ops.create(),
                                                      kind->type.ops.destroy);
  const auto decoded = decode_json(kind->type, object.get(), *document, Strictness::kStrict);
  ASSERT_TRUE(decoded) << decoded.error().message();
  ObjectMeta& metadata = kind->metadata(object.get());
  metadata.name = "x";
  metadata.creation_timestamp = *Time::parse("2026-11-23T11:55:00Z");
  std::vector<std::string> texts;
  for (const Cell& cell : strategy_of(*kind).cells(object.get(), kNow)) {
    texts.push_back(std::holds_alternative<std::string>(cell)
                        ? std::get<std::string>(cell)
                        : std::to_string(std::get<std::int64_t>(cell)));
  }
  EXPECT_THAT(texts, ElementsAreArray(GetParam().cells));
}

#define POD(text) "apiVersion: v1\nkind: Pod\n" text

const Row kPods[] = {
    {"waits for a node",
     POD("spec: {containers: [{name: c}]}\nstatus: {phase: Pending}"),
     {"x", "0/1", "Pending", "0", "5m", "<none>", "<none>", "<none>", "<none>"}},
    {"runs",
     POD("spec: {nodeName: here, containers: [{name: a}, {name: b}], readinessGates: "
         "[{conditionType: g}]}\n"
         "status: {phase: Running, podIP: 10.1.0.2, podIPs: [{ip: 10.1.0.2}], containerStatuses: "
         "[{name: a, ready: true, restartCount: 0, image: i, imageID: '', state: {running: {}}}, "
         "{name: b, ready: false, restartCount: 0, image: i, imageID: '', state: {running: {}}}]}"),
     {"x", "1/2", "Running", "0", "5m", "10.1.0.2", "here", "<none>", "0/1"}},
    {"is started again and again",
     POD("spec: {nodeName: here, containers: [{name: a}]}\n"
         "status: {phase: Running, containerStatuses: [{name: a, ready: false, restartCount: 2, "
         "image: i, imageID: '', "
         "state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, "
         "finishedAt: "
         "2026-11-23T11:57:00Z}}}]}"),
     {"x", "0/1", "CrashLoopBackOff", "2 (3m ago)", "5m", "<none>", "here", "<none>", "<none>"}},
    {"is being deleted",
     POD("metadata: {deletionTimestamp: 2026-11-23T12:00:10Z}\nspec: {nodeName: here, containers: "
         "[{name: a}]}\n"
         "status: {phase: Running, containerStatuses: [{name: a, ready: true, restartCount: 0, "
         "image: i, imageID: '', "
         "state: {running: {}}}]}"),
     {"x", "1/1", "Terminating", "0", "5m", "<none>", "here", "<none>", "<none>"}},
    {"has ended well",
     POD("spec: {containers: [{name: a}]}\nstatus: {phase: Succeeded, containerStatuses: [{name: "
         "a, ready: false, "
         "restartCount: 0, image: i, imageID: '', state: {terminated: {exitCode: 0, reason: "
         "Completed}}}]}"),
     {"x", "0/1", "Completed", "0", "5m", "<none>", "<none>", "<none>", "<none>"}},
    {"was killed by a signal",
     POD("spec: {containers: [{name: a}]}\nstatus: {phase: Failed, containerStatuses: [{name: a, "
         "ready: false, "
         "restartCount: 0, image: i, imageID: '', state: {terminated: {exitCode: 137, signal: "
         "9}}}]}"),
     {"x", "0/1", "Signal:9", "0", "5m", "<none>", "<none>", "<none>", "<none>"}},
    {"is at its second init container",
     POD("spec: {initContainers: [{name: i}, {name: j}], containers: [{name: a}]}\n"
         "status: {phase: Pending, initContainerStatuses: [{name: i, ready: true, restartCount: 0, "
         "image: i, imageID: "
         "'', state: {terminated: {exitCode: 0}}}, {name: j, ready: false, restartCount: 0, image: "
         "i, imageID: '', "
         "state: {running: {}}}]}"),
     {"x", "0/1", "Init:1/2", "0", "5m", "<none>", "<none>", "<none>", "<none>"}},
    {"fails in its init container",
     POD("spec: {initContainers: [{name: i}], containers: [{name: a}]}\n"
         "status: {phase: Pending, initContainerStatuses: [{name: i, ready: false, restartCount: "
         "1, image: i, imageID: "
         "'', state: {waiting: {reason: ImagePullBackOff}}}]}"),
     {"x", "0/1", "Init:ImagePullBackOff", "1", "5m", "<none>", "<none>", "<none>", "<none>"}},
    {"runs beside a sidecar",
     POD("spec: {initContainers: [{name: s, restartPolicy: Always}], containers: [{name: a}]}\n"
         "status: {phase: Running, initContainerStatuses: [{name: s, ready: true, started: true, "
         "restartCount: 0, "
         "image: i, imageID: '', state: {running: {}}}], containerStatuses: [{name: a, ready: "
         "true, restartCount: 0, "
         "image: i, imageID: '', state: {running: {}}}]}"),
     {"x", "2/2", "Running", "0", "5m", "<none>", "<none>", "<none>", "<none>"}},
    {"has one container that ended and one that runs",
     POD("spec: {containers: [{name: a}, {name: b}]}\nstatus: {phase: Running, conditions: [{type: "
         "Ready, status: "
         "'False'}], containerStatuses: [{name: a, ready: false, restartCount: 0, image: i, "
         "imageID: '', state: "
         "{terminated: {exitCode: 0, reason: Completed}}}, {name: b, ready: true, restartCount: 0, "
         "image: i, imageID: "
         "'', state: {running: {}}}]}"),
     {"x", "1/2", "NotReady", "0", "5m", "<none>", "<none>", "<none>", "<none>"}},
    {"was evicted",
     POD("spec: {containers: [{name: a}]}\nstatus: {phase: Failed, reason: Evicted}"),
     {"x", "0/1", "Evicted", "0", "5m", "<none>", "<none>", "<none>", "<none>"}},
};

INSTANTIATE_TEST_SUITE_P(Pod, RowTest, testing::ValuesIn(kPods));

const Row kOthers[] = {
    {"a Deployment",
     "apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 3, selector: {matchLabels: {app: "
     "a}}, template: {spec: "
     "{containers: [{name: c, image: i}, {name: d, image: j}]}}}\nstatus: {readyReplicas: 2, "
     "updatedReplicas: 3, "
     "availableReplicas: 1}",
     {"x", "2/3", "3", "1", "5m", "c,d", "i,j", "app=a"}},
    {"a ReplicaSet",
     "apiVersion: apps/v1\nkind: ReplicaSet\nspec: {replicas: 3, selector: {matchLabels: {app: "
     "a}}, template: {spec: "
     "{containers: [{name: c, image: i}]}}}\nstatus: {replicas: 2, readyReplicas: 1}",
     {"x", "3", "2", "1", "5m", "c", "i", "app=a"}},
    {"a Service",
     "apiVersion: v1\nkind: Service\nspec: {type: ClusterIP, clusterIP: 10.0.0.1, clusterIPs: "
     "[10.0.0.1], selector: "
     "{app: a}, ports: [{port: 80, protocol: TCP}, {port: 53, protocol: UDP}]}",
     {"x", "ClusterIP", "10.0.0.1", "<none>", "80/TCP,53/UDP", "5m", "app=a"}},
    {"a Service for nodes",
     "apiVersion: v1\nkind: Service\nspec: {type: NodePort, clusterIPs: [10.0.0.1], externalIPs: "
     "[1.2.3.4], ports: "
     "[{port: 80, nodePort: 30080, protocol: TCP}]}",
     {"x", "NodePort", "10.0.0.1", "1.2.3.4", "80:30080/TCP", "5m", "<none>"}},
    {"a Service that waits for its balancer",
     "apiVersion: v1\nkind: Service\nspec: {type: LoadBalancer}",
     {"x", "LoadBalancer", "<none>", "<pending>", "<none>", "5m", "<none>"}},
    {"a Service that is a name",
     "apiVersion: v1\nkind: Service\nspec: {type: ExternalName, externalName: example.com}",
     {"x", "ExternalName", "<none>", "example.com", "<none>", "5m", "<none>"}},
    {"endpoints, four of them",
     "apiVersion: v1\nkind: Endpoints\nsubsets: [{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}, {ip: "
     "10.0.0.3}, {ip: "
     "'::1'}], ports: [{port: 80}]}]",
     {"x", "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...", "5m"}},
    {"no endpoints", "apiVersion: v1\nkind: Endpoints", {"x", "<none>", "5m"}},
    {"a slice",
     "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\nendpoints: "
     "[{addresses: [10.0.0.1]}]\n"
     "ports: [{port: 80}, {name: web}]",
     {"x", "IPv4", "80,web", "10.0.0.1", "5m"}},
    {"an empty slice",
     "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\nendpoints: []",
     {"x", "IPv4", "<unset>", "<unset>", "5m"}},
    {"a namespace",
     "apiVersion: v1\nkind: Namespace\nstatus: {phase: Active}",
     {"x", "Active", "5m"}},
    {"a node",
     "apiVersion: v1\nkind: Node\nmetadata: {labels: {node-role.kubernetes.io/control-plane: "
     "''}}\nspec: "
     "{unschedulable: true}\nstatus: {conditions: [{type: Ready, status: 'True'}], addresses: "
     "[{type: InternalIP, "
     "address: 10.0.0.1}], nodeInfo: {kubeletVersion: v1, osImage: Debian, machineID: '', "
     "systemUUID: '', bootID: '', "
     "kernelVersion: '6', containerRuntimeVersion: runc, kubeProxyVersion: '', operatingSystem: "
     "linux, architecture: "
     "amd64}}",
     {"x", "Ready,SchedulingDisabled", "control-plane", "5m", "v1", "10.0.0.1", "<none>", "Debian",
      "6", "runc"}},
    {"a node that has not reported",
     "apiVersion: v1\nkind: Node",
     {"x", "Unknown", "<none>", "5m", "", "<none>", "<none>", "<unknown>", "<unknown>",
      "<unknown>"}},
    {"a quota",
     "apiVersion: v1\nkind: ResourceQuota\nstatus: {hard: {pods: 10, requests.cpu: 8, "
     "limits.memory: 32Gi, "
     "requests.nvidia.com/gpu: 2}, used: {pods: 1, requests.cpu: 500m}}",
     {"x", "pods: 1/10, requests.cpu: 500m/8, requests.nvidia.com/gpu: 0/2",
      "limits.memory: 0/32Gi", "5m"}},
    {"a LimitRange", "apiVersion: v1\nkind: LimitRange", {"x", "2026-11-23T11:55:00Z"}},
    {"a Lease",
     "apiVersion: coordination.k8s.io/v1\nkind: Lease\nspec: {holderIdentity: me}",
     {"x", "me", "5m"}},
    {"a ConfigMap",
     "apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\nbinaryData: {c: ''}",
     {"x", "2", "5m"}},
    {"a Secret",
     "apiVersion: v1\nkind: Secret\ntype: Opaque\ndata: {a: ''}",
     {"x", "Opaque", "1", "5m"}},
    {"a ServiceAccount", "apiVersion: v1\nkind: ServiceAccount", {"x", "5m"}},
    {"a NetworkPolicy",
     "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}}",
     {"x", "<none>", "5m"}},
    {"an event",
     "apiVersion: v1\nkind: Event\ninvolvedObject: {kind: Pod, name: p, fieldPath: "
     "'spec.containers{c}'}\nreason: "
     "Pulled\ntype: Normal\nmessage: 'got it\n '\ncount: 3\nsource: {component: kubelet, host: "
     "here}\nfirstTimestamp: "
     "2026-11-23T11:50:00Z\nlastTimestamp: 2026-11-23T11:59:00Z",
     {"60s", "Normal", "Pulled", "pod/p", "spec.containers{c}", "kubelet, here", "got it", "10m",
      "3", "x"}},
    {"an event that goes on",
     "apiVersion: v1\nkind: Event\ninvolvedObject: {kind: Node}\neventTime: "
     "2026-11-23T11:50:00.000001Z\n"
     "reportingComponent: insula\nseries: {count: 7, lastObservedTime: "
     "2026-11-23T11:59:30.000000Z}",
     {"30s", "", "", "node", "", "insula", "", "9m59s", "7", "x"}},
    {"a tenant",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nspec: {namespaces: [a, b], quota: {gpus: 2, "
     "memory: 16Gi}, "
     "gateway: {rateLimit: {requestsPerHour: 1000}}}\nstatus: {phase: Ready}",
     {"x", "Ready", "a,b", "2", "16Gi", "1000", "5m"}},
    {"a tenant without limits",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant",
     {"x", "", "", "<none>", "<none>", "<none>", "5m"}},
};

INSTANTIATE_TEST_SUITE_P(Kinds, RowTest, testing::ValuesIn(kOthers));

TEST(Columns, OfAPodAreKubernetesOwn) {
  std::vector<std::string_view> names;
  std::vector<int> priorities;
  for (const Column& column : pod_columns()) {
    names.push_back(column.name);
    priorities.push_back(column.priority);
  }
  EXPECT_THAT(names, ElementsAre("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node",
                                 "Nominated Node", "Readiness Gates"));
  EXPECT_THAT(priorities, ElementsAre(0, 0, 0, 0, 0, 1, 1, 1, 1));
}

}  // namespace
}  // namespace insula::api
