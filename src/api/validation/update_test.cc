#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/kind.h"
#include "api/strategy.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

using testing::ElementsAreArray;

using Object = std::unique_ptr<void, void (*)(void*)>;

struct Update {
  std::string_view about;
  std::string_view head;  // apiVersion and kind
  std::string_view before;
  std::string_view after;
  std::vector<std::string> wrong;
  std::string_view subresource = "";
};

void PrintTo(const Update& it, std::ostream* out) {
  *out << it.about;
}

class UpdateTest : public testing::TestWithParam<Update> {};

std::pair<const Kind*, Object> read(const std::string& yaml) {
  const auto document = json::parse_yaml_document(yaml);
  EXPECT_TRUE(document) << document.error().message() << yaml;
  const json::Object& members = *document->as_object();
  const Kind* kind =
      find_kind(*members.find("apiVersion")->as_string(), *members.find("kind")->as_string());
  Object object(kind->type.ops.create(), kind->type.ops.destroy);
  const auto decoded = decode_json(kind->type, object.get(), *document, Strictness::kStrict);
  EXPECT_TRUE(decoded) << decoded.error().message();
  ObjectMeta& metadata = kind->metadata(object.get());
  metadata.name = "x";
  if (kind->namespaced) metadata.namespace_ = "n";
  return {kind, std::move(object)};
}

TEST_P(UpdateTest, IsAnsweredAsKubernetesDoes) {
  const Update& it = GetParam();
  const auto [kind, before] = read(std::string(it.head) + "\n" + std::string(it.before));
  kind->metadata(before.get()).uid = "u";
  prepare_create(*kind, before.get());
  const auto [same, after] = read(std::string(it.head) + "\n" + std::string(it.after));
  prepare_update(*kind, after.get(), before.get(), it.subresource);
  const auto result = check_update(*kind, after.get(), before.get(), it.subresource);
  std::vector<std::string> wrong;
  if (!result) {
    for (const FieldCause& cause : result.error().causes())
      wrong.push_back(cause.field + ": " + cause.message);
  }
  EXPECT_THAT(wrong, ElementsAreArray(it.wrong));
}

constexpr std::string_view kPod = "apiVersion: v1\nkind: Pod";
constexpr std::string_view kPodUpdatable =
    "pod updates may not change fields other than "
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec."
    "tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was "
    "previously negative)\nchanged: ";

const Update kUpdates[] = {
    {"a new image",
     kPod,
     "spec: {containers: [{name: c, image: i}]}",
     "spec: {containers: [{name: c, image: j}]}",
     {}},
    {"another node",
     kPod,
     "spec: {containers: [{name: c, image: i}]}",
     "spec: {nodeName: b, hostname: h, containers: [{name: c, image: i}]}",
     {"spec: Forbidden: " + std::string(kPodUpdatable) + "spec.nodeName, spec.hostname"}},
    {"the node that the scheduler chose",
     kPod,
     "spec: {containers: [{name: c, image: i}]}",
     "spec: {nodeName: b, containers: [{name: c, image: i}]}",
     {},
     "binding"},
    {"a container more",
     kPod,
     "spec: {containers: [{name: c, image: i}]}",
     "spec: {containers: [{name: c, image: i}, {name: d, image: i}]}",
     {"spec.containers: Forbidden: pod updates may not add or remove containers"}},
    {"a longer deadline",
     kPod,
     "spec: {activeDeadlineSeconds: 5, containers: [{name: c, image: i}]}",
     "spec: {activeDeadlineSeconds: 6, containers: [{name: c, image: i}]}",
     {"spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous "
      "value"}},
    {"one toleration more",
     kPod,
     "spec: {containers: [{name: c, image: i}]}",
     "spec: {tolerations: [{operator: Exists}], containers: [{name: c, image: i}]}",
     {}},
    {"one toleration less",
     kPod,
     "spec: {tolerations: [{operator: Exists}], containers: [{name: c, image: i}]}",
     "spec: {containers: [{name: c, image: i}]}",
     {"spec.tolerations: Forbidden: existing toleration can not be modified except its "
      "tolerationSeconds"}},
    {"another selector of a Deployment",
     "apiVersion: apps/v1\nkind: Deployment",
     "spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: "
     "{containers: [{name: "
     "c, image: i}]}}}",
     "spec: {selector: {matchLabels: {app: b}}, template: {metadata: {labels: {app: b}}, spec: "
     "{containers: [{name: "
     "c, image: i}]}}}",
     {"spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable"}},
    {"a status that adds up to nonsense",
     "apiVersion: apps/v1\nkind: Deployment",
     "spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: "
     "{containers: [{name: "
     "c, image: i}]}}}",
     "status: {replicas: 1, readyReplicas: 2, availableReplicas: -1}",
     {"status.availableReplicas: Invalid value: -1: must be greater than or equal to 0",
      "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"},
     "status"},
    {"another address of a Service",
     "apiVersion: v1\nkind: Service",
     "spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}",
     "spec: {clusterIP: 10.0.0.2, ports: [{port: 80}]}",
     {"spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"}},
    {"a Service without the address it was given",
     "apiVersion: v1\nkind: Service",
     "spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}",
     "spec: {ports: [{port: 81}]}",
     {}},
    {"a Service that becomes a name",
     "apiVersion: v1\nkind: Service",
     "spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}",
     "spec: {type: ExternalName, externalName: example.com, clusterIP: 10.0.0.1, ports: [{port: "
     "80}]}",
     {}},
    {"data of a frozen ConfigMap",
     "apiVersion: v1\nkind: ConfigMap",
     "immutable: true\ndata: {a: b}",
     "data: {a: c}",
     {"immutable: Forbidden: field is immutable when `immutable` is set",
      "data: Forbidden: field is immutable when `immutable` is set"}},
    {"another type of a Secret",
     "apiVersion: v1\nkind: Secret",
     "type: Opaque",
     "type: example.com/other",
     {"type: Invalid value: \"example.com/other\": field is immutable"}},
    {"data of a frozen Secret",
     "apiVersion: v1\nkind: Secret",
     "immutable: true\ndata: {a: Yg==}",
     "immutable: true\ndata: {a: Yw==}",
     {"data: Forbidden: field is immutable when `immutable` is set"}},
    {"other scopes of a quota",
     "apiVersion: v1\nkind: ResourceQuota",
     "spec: {hard: {pods: 1}, scopes: [BestEffort]}",
     "spec: {hard: {pods: 1}}",
     {"spec.scopes: Invalid value: null: field is immutable"}},
    {"other limits of a quota",
     "apiVersion: v1\nkind: ResourceQuota",
     "spec: {hard: {pods: 1}}",
     "spec: {hard: {pods: 2}}",
     {}},
    {"another family of a slice",
     "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice",
     "addressType: IPv4\nendpoints: []",
     "addressType: IPv6\nendpoints: []",
     {"addressType: Invalid value: \"IPv6\": field is immutable"}},
    {"a namespace that says it is going",
     "apiVersion: v1\nkind: Namespace",
     "",
     "status: {phase: Terminating}",
     {"status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` "
      "is empty"},
     "status"},
    {"another range of a node",
     "apiVersion: v1\nkind: Node",
     "spec: {podCIDRs: [10.0.0.0/24]}",
     "spec: {podCIDRs: [10.0.1.0/24]}",
     {"spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"}},
    {"another identity",
     "apiVersion: v1\nkind: ConfigMap",
     "",
     "metadata: {uid: other}",
     {"metadata.uid: Invalid value: \"other\": field is immutable"}},
};

INSTANTIATE_TEST_SUITE_P(Kinds, UpdateTest, testing::ValuesIn(kUpdates));

}  // namespace
}  // namespace insula::api
