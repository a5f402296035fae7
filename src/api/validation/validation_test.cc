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

struct Read {
  const Kind* kind;
  Object object;
};

Read read(std::string_view yaml) {
  const auto document = json::parse_yaml_document(yaml);
  EXPECT_TRUE(document) << document.error().message();
  const json::Object& members = *document->as_object();
  const Kind* kind =
      find_kind(*members.find("apiVersion")->as_string(), *members.find("kind")->as_string());
  Object object(kind->type.ops.create(), kind->type.ops.destroy);
  const auto decoded = decode_json(kind->type, object.get(), *document, Strictness::kStrict);
  EXPECT_TRUE(decoded) << decoded.error().message();
  ObjectMeta& metadata = kind->metadata(object.get());
  if (metadata.name.empty()) metadata.name = "x";
  if (kind->namespaced && metadata.namespace_.empty()) metadata.namespace_ = "n";
  return {kind, std::move(object)};
}

std::vector<std::string> causes(const Result<>& result) {
  std::vector<std::string> texts;
  if (result) return texts;
  for (const FieldCause& cause : result.error().causes())
    texts.push_back(cause.field + ": " + cause.message);
  return texts;
}

/// An object, with name and namespace filled in, and what is wrong with it.
struct Creation {
  std::string_view about;
  std::string_view yaml;
  std::vector<std::string> wrong;
};

void PrintTo(const Creation& it, std::ostream* out) {
  *out << it.about;
}

class CreationTest : public testing::TestWithParam<Creation> {};

TEST_P(CreationTest, IsAnsweredAsKubernetesDoes) {
  const Read it = read(GetParam().yaml);
  prepare_create(*it.kind, it.object.get());
  EXPECT_THAT(causes(check_create(*it.kind, it.object.get())), ElementsAreArray(GetParam().wrong));
}

#define POD(text) "apiVersion: v1\nkind: Pod\nspec:\n" text
#define POD_OF(text) POD("  containers:\n  - {name: c, image: i" text "}\n")

const Creation kPods[] = {
    {"a plain pod", POD_OF(""), {}},
    {"no containers", POD("  containers: []"), {"spec.containers: Required value"}},
    {"no name and no image",
     POD("  containers: [{}]"),
     {"spec.containers[0].name: Required value", "spec.containers[0].image: Required value"}},
    {"a name that is no label",
     POD("  containers: [{name: A_b, image: i}]"),
     {"spec.containers[0].name: Invalid value: \"A_b\": a lowercase RFC 1123 label must consist of "
      "lower case "
      "alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. "
      "'my-name',  or "
      "'123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"}},
    {"two containers of one name",
     POD("  containers: [{name: c, image: i}, {name: c, image: i}]"),
     {"spec.containers[1].name: Duplicate value: \"c\""}},
    {"an image with blanks",
     POD("  containers: [{name: c, image: ' i'}]"),
     {"spec.containers[0].image: Invalid value: \" i\": must not have leading or trailing "
      "whitespace"}},
    {"an unknown restart policy",
     POD_OF("") "  restartPolicy: Sometimes",
     {"spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", "
      "\"OnFailure\", "
      "\"Never\""}},
    {"an unknown pull policy",
     POD_OF(", imagePullPolicy: Often"),
     {"spec.containers[0].imagePullPolicy: Unsupported value: \"Often\": supported values: "
      "\"Always\", "
      "\"IfNotPresent\", \"Never\""}},
    {"ports out of range and named twice",
     POD_OF(", ports: [{name: http, containerPort: 70000}, {name: http, containerPort: 80}, {}]"),
     {"spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and "
      "65535, inclusive",
      "spec.containers[0].ports[1].name: Duplicate value: \"http\"",
      "spec.containers[0].ports[2].containerPort: Required value"}},
    {"a port with an unknown protocol",
     POD_OF(", ports: [{containerPort: 80, protocol: HTTP}]"),
     {"spec.containers[0].ports[0].protocol: Unsupported value: \"HTTP\": supported values: "
      "\"SCTP\", \"TCP\", "
      "\"UDP\""}},
    {"one host port twice",
     POD_OF(", ports: [{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 80}]"),
     {"spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//80\""}},
    {"a request above its limit",
     POD_OF(", resources: {requests: {cpu: 2}, limits: {cpu: 1}}"),
     {"spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to "
      "cpu limit of 1"}},
    {"fewer GPUs requested than the limit",
     POD_OF(", resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}"),
     {"spec.containers[0].resources.requests: Invalid value: \"1\": must be equal to "
      "nvidia.com/gpu limit of 2"}},
    {"a GPU without a limit",
     POD_OF(", resources: {requests: {nvidia.com/gpu: 1}}"),
     {"spec.containers[0].resources.limits: Required value: Limit must be set for non "
      "overcommitable resources"}},
    {"half a GPU",
     POD_OF(", resources: {limits: {nvidia.com/gpu: 500m}}"),
     {"spec.containers[0].resources.limits[nvidia.com/gpu]: Invalid value: \"500m\": must be an "
      "integer",
      "spec.containers[0].resources.requests[nvidia.com/gpu]: Invalid value: \"500m\": must be an "
      "integer"}},
    {"a resource that nobody knows",
     POD_OF(", resources: {limits: {gpu: 1}}"),
     {"spec.containers[0].resources.limits[gpu]: Invalid value: \"gpu\": must be a standard "
      "resource type or fully "
      "qualified",
      "spec.containers[0].resources.limits[gpu]: Invalid value: \"gpu\": must be a standard "
      "resource for containers",
      "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a standard "
      "resource type or fully "
      "qualified",
      "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a standard "
      "resource for "
      "containers"}},
    {"a negative amount",
     POD_OF(", resources: {limits: {memory: -1Gi}, requests: {memory: -2Gi}}"),
     {"spec.containers[0].resources.limits[memory]: Invalid value: \"-1Gi\": must be greater than "
      "or equal to 0",
      "spec.containers[0].resources.requests[memory]: Invalid value: \"-2Gi\": must be greater "
      "than or equal to 0"}},
    {"an environment variable from nowhere, one from two places",
     POD_OF(", env: [{name: A, valueFrom: {}}, {name: B, value: v, valueFrom: {fieldRef: "
            "{fieldPath: metadata.name}}},"
            " {name: 'C=D'}, {}]"),
     {"spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, "
      "`resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
      "spec.containers[0].env[1].valueFrom: Invalid value: \"\": may not be specified when `value` "
      "is not empty",
      "spec.containers[0].env[2].name: Invalid value: \"C=D\": a valid environment variable name "
      "must consist only "
      "of printable ASCII characters other than '='",
      "spec.containers[0].env[3].name: Required value"}},
    {"a field that the downward API does not have",
     POD_OF(", env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.color}}},"
            " {name: B, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}}]"),
     {"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"spec.color\": "
      "supported values: "
      "\"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", "
      "\"spec.serviceAccountName\", "
      "\"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\""}},
    {"a mount without a volume, and two at one place",
     POD_OF(", volumeMounts: [{name: v, mountPath: /a}, {name: w, mountPath: /b}, {name: v, "
            "mountPath: /a}]") "  volumes: [{name: v, emptyDir: {}}]",
     {"spec.containers[0].volumeMounts[1].name: Not found: \"w\"",
      "spec.containers[0].volumeMounts[2].mountPath: Invalid value: \"/a\": must be unique"}},
    {"a sub path that climbs out",
     POD_OF(", volumeMounts: [{name: v, mountPath: /a, subPath: ../x}]") "  volumes: [{name: v}]",
     {"spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../x\": must not contain "
      "'..'"}},
    {"a volume with two sources",
     POD_OF("") "  volumes: [{name: v, emptyDir: {}, configMap: {name: c}}]",
     {"spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type"}},
    {"volumes of one name, a Secret without one, and a strange mode",
     POD_OF("") "  volumes: [{name: v, secret: {}}, {name: v, configMap: {name: c, defaultMode: "
                "1000}}]",
     {"spec.volumes[0].secret.secretName: Required value",
      "spec.volumes[1].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and "
      "0777 (octal), "
      "both inclusive",
      "spec.volumes[1].name: Duplicate value: \"v\""}},
    {"a probe of two kinds, and one of none",
     POD_OF(", livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 80}}, readinessProbe: {}"),
     {"spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler "
      "type",
      "spec.containers[0].readinessProbe: Required value: must specify a handler type"}},
    {"a liveness probe that must succeed twice",
     POD_OF(", livenessProbe: {exec: {command: [a]}, successThreshold: 2, periodSeconds: -1}"),
     {"spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or "
      "equal to 0",
      "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"}},
    {"an init container with a probe",
     POD_OF("") "  initContainers: [{name: i, image: i, livenessProbe: {exec: {command: [a]}}}]",
     {"spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without "
      "restartPolicy=Always"}},
    {"a sidecar with a probe",
     POD_OF("") "  initContainers: [{name: i, image: i, restartPolicy: Always, livenessProbe: "
                "{exec: {command: [a]}}}]",
     {}},
    {"tolerations that contradict themselves",
     POD_OF("") "  tolerations: [{operator: Equal}, {key: a, operator: Exists, value: b}, {key: a, "
                "operator: Like},"
                " {key: a, effect: NoSchedule, tolerationSeconds: 1}]",
     {"spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` "
      "is empty, which "
      "means \"match all values and all keys\"",
      "spec.tolerations[1].operator: Invalid value: \"b\": value must be empty when `operator` is "
      "'Exists'",
      "spec.tolerations[2].operator: Unsupported value: \"Like\": supported values: \"Equal\", "
      "\"Exists\"",
      "spec.tolerations[3].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when "
      "`tolerationSeconds` is set"}},
    {"names that are none",
     POD_OF("") "  hostname: a.b\n  nodeName: '-'\n  activeDeadlineSeconds: 0",
     {"spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
      "spec.nodeName: Invalid value: \"-\": a lowercase RFC 1123 subdomain must consist of lower "
      "case alphanumeric "
      "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
      "'example.com', regex used "
      "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      "spec.hostname: Invalid value: \"a.b\": must not contain dots"}},
    {"the node's network under a user namespace of its own",
     POD_OF("") "  hostUsers: false\n  hostNetwork: true",
     {"spec.hostNetwork: Forbidden: when `hostUsers` is false"}},
    {"a user id below zero",
     POD_OF(", securityContext: {runAsUser: -1}") "  securityContext: {fsGroup: 5000000000}",
     {"spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and "
      "2147483647, inclusive",
      "spec.securityContext.fsGroup: Invalid value: 5000000000: must be between 0 and 2147483647, "
      "inclusive"}},
    {"an ephemeral container at creation",
     POD_OF("") "  ephemeralContainers: [{name: e, image: i}]",
     {"spec.ephemeralContainers: Forbidden: cannot be set on create"}},
    {"labels and annotations",
     "apiVersion: v1\nkind: Pod\nmetadata: {labels: {'a b': '-'}, annotations: {'/x': y}}\n"
     "spec: {containers: [{name: c, image: i}]}",
     {"metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, "
      "'-', '_' or '.', "
      "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
      "'123-abc', regex used "
      "for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      "metadata.labels: Invalid value: \"-\": a valid label must be an empty string or consist of "
      "alphanumeric "
      "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
      "'MyValue',  or "
      "'my_value',  or '12345', regex used for validation is "
      "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      "metadata.annotations: Invalid value: \"/x\": prefix part must be non-empty"}},
    {"two controllers, and an owner without a name",
     "apiVersion: v1\nkind: Pod\nmetadata: {ownerReferences: ["
     "{apiVersion: v1, kind: A, name: a, uid: '1', controller: true},"
     "{apiVersion: v1, kind: B, uid: '2', name: b, controller: true}, {}]}\n"
     "spec: {containers: [{name: c, image: i}]}",
     {"metadata.ownerReferences: Invalid value: "
      "[{\"kind\":\"A\",\"name\":\"a\",\"uid\":\"1\",\"apiVersion\":\"v1\","
      "\"controller\":true},{\"kind\":\"B\",\"name\":\"b\",\"uid\":\"2\",\"apiVersion\":\"v1\","
      "\"controller\":true},"
      "{\"kind\":\"\",\"name\":\"\",\"uid\":\"\",\"apiVersion\":\"\"}]: Only one reference can "
      "have Controller set to "
      "true. Found \"true\" in references for A/a and B/b",
      "metadata.ownerReferences[2].apiVersion: Required value: must not be empty",
      "metadata.ownerReferences[2].kind: Required value: must not be empty",
      "metadata.ownerReferences[2].name: Required value: must not be empty",
      "metadata.ownerReferences[2].uid: Required value: must not be empty"}},
    {"a finalizer without a domain",
     "apiVersion: v1\nkind: Pod\nmetadata: {finalizers: [mine, example.com/ours]}\n"
     "spec: {containers: [{name: c, image: i}]}",
     {"metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name "
      "nor is it fully "
      "qualified"}},
};

INSTANTIATE_TEST_SUITE_P(Pod, CreationTest, testing::ValuesIn(kPods));

#define DEPLOYMENT(text)                                                                \
  "apiVersion: apps/v1\nkind: Deployment\nspec:\n  selector: {matchLabels: {app: a}}\n" \
  "  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}\n" text

const Creation kWorkloads[] = {
    {"a plain Deployment", DEPLOYMENT(""), {}},
    {"a negative number of pods",
     DEPLOYMENT("  replicas: -1"),
     {"spec.replicas: Invalid value: -1: must be greater than or equal to 0"}},
    {"no way to replace pods",
     DEPLOYMENT("  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}"),
     {"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when "
      "`maxSurge` is 0"}},
    {"percentages that are none",
     DEPLOYMENT("  strategy: {rollingUpdate: {maxSurge: many, maxUnavailable: 101%}}"),
     {"spec.strategy.rollingUpdate.maxSurge: Invalid value: \"many\": a valid percent string must "
      "be a numeric string "
      "followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater "
      "than 100%"}},
    {"Recreate with details of the other",
     DEPLOYMENT("  strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"),
     {"spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is "
      "'Recreate'"}},
    {"an unknown strategy",
     DEPLOYMENT("  strategy: {type: BlueGreen}"),
     {"spec.strategy: Unsupported value: {\"type\":\"BlueGreen\"}: supported values: \"Recreate\", "
      "\"RollingUpdate\""}},
    {"a deadline before the pods can be ready",
     DEPLOYMENT("  minReadySeconds: 600"),
     {"spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"}},
    {"no selector",
     "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template: {spec: {containers: [{name: c, "
     "image: i}]}}",
     {"spec.selector: Required value"}},
    {"an empty selector",
     "apiVersion: apps/v1\nkind: ReplicaSet\nspec:\n  selector: {}\n  template: {spec: "
     "{containers: "
     "[{name: c, image: i}]}}",
     {"spec.selector: Invalid value: {}: empty selector is invalid for deployment"}},
    {"pods that are not started again",
     "apiVersion: apps/v1\nkind: ReplicaSet\nspec:\n  selector: {matchLabels: {app: a}}\n  "
     "template: {metadata: "
     "{labels: {app: a}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}",
     {"spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: "
      "\"Always\""}},
    {"a selector rule without values",
     "apiVersion: apps/v1\nkind: ReplicaSet\nspec:\n  selector: {matchExpressions: [{key: app, "
     "operator: In}]}\n"
     "  template: {spec: {containers: [{name: c, image: i}]}}",
     {"spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` "
      "is 'In' or "
      "'NotIn'",
      "spec.template.metadata.labels: Invalid value: null: `selector` does not match template "
      "`labels`"}},
};

INSTANTIATE_TEST_SUITE_P(Workload, CreationTest, testing::ValuesIn(kWorkloads));

#define SERVICE(text) "apiVersion: v1\nkind: Service\nspec:\n" text

const Creation kServices[] = {
    {"a plain Service", SERVICE("  ports: [{port: 80}]"), {}},
    {"headless without ports", SERVICE("  clusterIP: None"), {}},
    {"no ports", SERVICE("  selector: {a: b}"), {"spec.ports: Required value"}},
    {"ports without names, and one port twice",
     SERVICE("  ports: [{port: 80}, {name: b, port: 80}]"),
     {"spec.ports[0].name: Required value",
      "spec.ports[1]: Duplicate value: {\"port\":80,\"protocol\":\"TCP\"}"}},
    {"a node port without the type for it",
     SERVICE("  ports: [{port: 80, nodePort: 30000}]"),
     {"spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"}},
    {"an unknown type",
     SERVICE("  type: Magic\n  ports: [{port: 80}]"),
     {"spec.type: Unsupported value: \"Magic\": supported values: \"ClusterIP\", \"ExternalName\", "
      "\"LoadBalancer\", "
      "\"NodePort\""}},
    {"an address that is none",
     SERVICE("  clusterIP: 1.2.3\n  ports: [{port: 80}]"),
     {"spec.clusterIPs[0]: Invalid value: \"1.2.3\": must be a valid IP address, (e.g. 10.9.8.7 or "
      "2001:db8::ffff)"}},
    {"headless for nodes",
     SERVICE("  type: NodePort\n  clusterIP: None\n  ports: [{port: 80}]"),
     {"spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort "
      "services"}},
    {"an external name that is none",
     SERVICE("  type: ExternalName"),
     {"spec.externalName: Required value"}},
    {"an affinity for too long",
     SERVICE("  sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: "
             "100000}}\n"
             "  ports: [{port: 80}]"),
     {"spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 100000: must be greater "
      "than 0 and less "
      "than 86400"}},
};

INSTANTIATE_TEST_SUITE_P(Service, CreationTest, testing::ValuesIn(kServices));

const Creation kConfiguration[] = {
    {"keys of a ConfigMap",
     "apiVersion: v1\nkind: ConfigMap\ndata: {'a b': c, ..: d}\nbinaryData: {ok: aGk=}",
     {"data[..]: Invalid value: \"..\": must not be '..'",
      "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric "
      "characters, '-', '_' or '.' "
      "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
      "'[-._a-zA-Z0-9]+')"}},
    {"a key in both maps",
     "apiVersion: v1\nkind: ConfigMap\ndata: {a: c}\nbinaryData: {a: aGk=}",
     {"data[a]: Invalid value: \"a\": duplicate of key present in binaryData"}},
    {"a TLS Secret without its key",
     "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nstringData: {tls.crt: c}",
     {"data[tls.key]: Required value"}},
    {"registry credentials that are no JSON",
     "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nstringData: "
     "{.dockerconfigjson: nope}",
     {"data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": must be a JSON "
      "object"}},
    {"a token without its account",
     "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token",
     {"metadata.annotations[kubernetes.io/service-account.name]: Required value"}},
    {"an event about another namespace",
     "apiVersion: v1\nkind: Event\ninvolvedObject: {kind: Pod, namespace: other, name: p}",
     {"involvedObject.namespace: Invalid value: \"other\": does not match event.namespace"}},
};

INSTANTIATE_TEST_SUITE_P(Configuration, CreationTest, testing::ValuesIn(kConfiguration));

const Creation kPolicies[] = {
    {"a quota of GPUs",
     "apiVersion: v1\nkind: ResourceQuota\nspec: {hard: {requests.nvidia.com/gpu: 2, "
     "count/secrets: 5, pods: 3}}",
     {}},
    {"quota keys that nobody knows, and halves",
     "apiVersion: v1\nkind: ResourceQuota\nspec: {hard: {gpus: 2, pods: 1500m, memory: -1}}",
     {"spec.hard[gpus]: Invalid value: \"gpus\": must be a standard resource type or fully "
      "qualified",
      "spec.hard[gpus]: Invalid value: \"gpus\": must be a standard resource for quota",
      "spec.hard[memory]: Invalid value: \"-1\": must be greater than or equal to 0",
      "spec.hard[pods]: Invalid value: \"1500m\": must be an integer"}},
    {"scopes that contradict each other",
     "apiVersion: v1\nkind: ResourceQuota\nspec: {hard: {pods: 1}, scopes: [BestEffort, "
     "NotBestEffort, Other]}",
     {"spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\",\"Other\"]: unsupported scope",
      "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\",\"Other\"]: conflicting "
      "scopes"}},
    {"memory for pods that have none",
     "apiVersion: v1\nkind: ResourceQuota\nspec: {hard: {memory: 1Gi}, scopes: [BestEffort]}",
     {"spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource"}},
    {"bounds in the wrong order",
     "apiVersion: v1\nkind: LimitRange\nspec: {limits: [{type: Container, min: {cpu: 2}, max: "
     "{cpu: 1}}]}",
     {"spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
      "spec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": min value 2 is greater than "
      "default request value 1",
      "spec.limits[0].default[cpu]: Invalid value: \"2\": min value 2 is greater than default "
      "value 1"}},
    {"defaults for pods, and a type twice",
     "apiVersion: v1\nkind: LimitRange\nspec: {limits: [{type: Pod, default: {cpu: 1}}, {type: "
     "Pod}, {type: Cat}]}",
     {"spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
      "spec.limits[1].type: Duplicate value: \"Pod\"",
      "spec.limits[2].type: Invalid value: \"Cat\": must be a standard limit type or fully "
      "qualified"}},
    {"peers and ports of a NetworkPolicy",
     "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}, ingress: "
     "[{from: [{}, "
     "{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}], ports: [{endPort: "
     "5}, "
     "{port: 90, endPort: 80}]}], policyTypes: [Sideways]}",
     {"spec.ingress[0].ports[0].endPort: Invalid value: 5: may not be specified when `port` is not "
      "specified",
      "spec.ingress[0].ports[1].endPort: Invalid value: 80: must be greater than or equal to "
      "`port`",
      "spec.ingress[0].from[0]: Required value: must specify a peer",
      "spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict "
      "subset of `cidr`",
      "spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer",
      "spec.policyTypes[0]: Unsupported value: \"Sideways\": supported values: \"Ingress\", "
      "\"Egress\""}},
    {"a lease for no time",
     "apiVersion: coordination.k8s.io/v1\nkind: Lease\nspec: {leaseDurationSeconds: 0, "
     "leaseTransitions: -1}",
     {"spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
      "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"}},
    {"taints of a node",
     "apiVersion: v1\nkind: Node\nspec: {taints: [{key: a, effect: NoSchedule}, {key: a, effect: "
     "NoSchedule}, "
     "{key: b}]}",
     {"metadata.taints[1]: Duplicate value: {\"key\":\"a\",\"effect\":\"NoSchedule\"}",
      "metadata.taints[2].effect: Required value"}},
    {"a namespace with a dot",
     "apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}",
     {"metadata.name: Invalid value: \"a.b\": must not contain dots"}},
    {"endpoints of the wrong family",
     "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\nendpoints: "
     "[{addresses: ['::1']}, "
     "{addresses: []}, {addresses: [127.0.0.9]}]\nports: [{port: 80}, {port: 81}]",
     {"endpoints[0].addresses[0]: Invalid value: \"::1\": must be an IPv4 address",
      "endpoints[1].addresses: Required value: must contain at least 1 address",
      "ports[1].name: Duplicate value: \"\""}},
    {"a subset without addresses",
     "apiVersion: v1\nkind: Endpoints\nsubsets: [{ports: [{port: 80}]}]",
     {"subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"}},
};

INSTANTIATE_TEST_SUITE_P(Policy, CreationTest, testing::ValuesIn(kPolicies));

#define TENANT(text) \
  "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nmetadata: {name: t}\nspec:\n" text

const Creation kTenants[] = {
    {"a tenant of defaults",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nmetadata: {name: t}",
     {}},
    {"less than nothing",
     TENANT("  quota: {gpus: -1, memory: -1Gi}\n  gateway: {rateLimit: {requestsPerHour: -5, "
            "tokensPerMinute: -1, concurrentRequests: 1000001}}"),
     {"spec.quota.gpus: Invalid value: -1: must be greater than or equal to 0",
      "spec.quota.memory: Invalid value: \"-1Gi\": must be greater than or equal to 0",
      "spec.gateway.rateLimit.requestsPerHour: Invalid value: -5: must be between 0 and 10000000, "
      "inclusive",
      "spec.gateway.rateLimit.tokensPerMinute: Invalid value: -1: must be between 0 and "
      "1000000000, "
      "inclusive",
      "spec.gateway.rateLimit.concurrentRequests: Invalid value: 1000001: must be between 0 and "
      "1000000, inclusive"}},
    {"a namespace of the system, and one twice",
     TENANT("  namespaces: [kube-system, a, a]"),
     {"spec.namespaces[0]: Invalid value: \"kube-system\": belongs to the system and to no tenant",
      "spec.namespaces[2]: Duplicate value: \"a\""}},
    {"a Service of somebody else",
     TENANT("  gateway: {service: {name: llm, namespace: other, port: 0}}"),
     {"spec.gateway.service.namespace: Invalid value: \"other\": must be one of "
      "`spec.namespaces`"}},
    {"an issuer without keys or audience",
     TENANT("  gateway: {jwt: [{issuer: idp}]}"),
     {"spec.gateway.jwt[0].audiences: Required value: must name at least one audience",
      "spec.gateway.jwt[0]: Required value: must specify one of: `secretRef`, `publicKeys`, "
      "`jwksURI`, or an issuer that is an https URL with a discovery document"}},
    {"issuers whose keys can be fetched",
     TENANT("  gateway: {jwt: [{issuer: https://idp/realms/x, audiences: [a]}, "
            "{issuer: idp, audiences: [a], jwksURI: 'https://idp:8443/keys?v=1'}, "
            "{issuer: http://localhost:8080, audiences: [a]}, "
            "{issuer: i, audiences: [a], jwksURI: 'http://127.0.0.1/k'}, "
            "{issuer: j, audiences: [a], jwksURI: 'http://[::1]:80/k', "
            "caRef: {name: ca, key: ca.crt}}]}"),
     {}},
    {"keys over plain HTTP from elsewhere",
     TENANT("  gateway: {jwt: [{issuer: http://idp, audiences: [a]}, "
            "{issuer: i, audiences: [a], jwksURI: 'http://127.0.0.1.evil.example/k'}]}"),
     {"spec.gateway.jwt[0]: Required value: must specify one of: `secretRef`, `publicKeys`, "
      "`jwksURI`, or an issuer that is an https URL with a discovery document",
      "spec.gateway.jwt[1].jwksURI: Invalid value: \"http://127.0.0.1.evil.example/k\": must be an "
      "https URL, or an http one of this machine (localhost, 127.0.0.1, [::1])"}},
    {"URLs that hide where they lead",
     TENANT("  gateway: {jwt: [{issuer: i, audiences: [a], jwksURI: 'https://a@b/k'}, "
            "{issuer: j, audiences: [a], jwksURI: 'https:///k'}, "
            "{issuer: k, audiences: [a], jwksURI: 'file:///etc/passwd'}]}"),
     {"spec.gateway.jwt[0].jwksURI: Invalid value: \"https://a@b/k\": must be an https URL, or an "
      "http one of this machine (localhost, 127.0.0.1, [::1])",
      "spec.gateway.jwt[1].jwksURI: Invalid value: \"https:///k\": must be an https URL, or an "
      "http "
      "one of this machine (localhost, 127.0.0.1, [::1])",
      "spec.gateway.jwt[2].jwksURI: Invalid value: \"file:///etc/passwd\": must be an https URL, "
      "or "
      "an http one of this machine (localhost, 127.0.0.1, [::1])"}},
    {"two ways to have keys",
     TENANT("  gateway: {jwt: [{issuer: i, audiences: [a], secretRef: {name: s, key: k}, "
            "jwksURI: 'https://idp/k', caRef: {name: ca, key: ca.crt, namespace: other}}]}"),
     {"spec.gateway.jwt[0].jwksURI: Forbidden: may not be set together with `secretRef` or "
      "`publicKeys`",
      "spec.gateway.jwt[0].caRef: Forbidden: may not be set when no keys are fetched",
      "spec.gateway.jwt[0].caRef.namespace: Invalid value: \"other\": must be one of "
      "`spec.namespaces`"}},
    {"an algorithm that would confuse the keys",
     TENANT("  gateway: {jwt: [{issuer: i, audiences: [a], secretRef: {name: s, key: k}, "
            "algorithms: [RS256, none]}]}"),
     {"spec.gateway.jwt[0].algorithms[0]: Invalid value: \"RS256\": needs public keys; the "
      "shared key of `secretRef` serves HS256 only",
      "spec.gateway.jwt[0].algorithms[1]: Unsupported value: \"none\": supported values: "
      "\"HS256\", \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", "
      "\"ES384\", \"ES512\", \"EdDSA\""}},
    {"members of no name, of one name, and with limits out of range",
     TENANT("  gateway: {memberRateLimit: {requestsPerHour: -1}, members: [{name: a}, {name: a, "
            "rateLimit: {concurrentRequests: 1000001}}, {}]}"),
     {"spec.gateway.memberRateLimit.requestsPerHour: Invalid value: -1: must be between 0 and "
      "10000000, inclusive",
      "spec.gateway.members[1].name: Duplicate value: \"a\"",
      "spec.gateway.members[1].rateLimit.concurrentRequests: Invalid value: 1000001: must be "
      "between 0 and 1000000, inclusive",
      "spec.gateway.members[2].name: Required value"}},
    {"a queue out of range",
     TENANT("  gateway: {queue: {requests: 10001, waitSeconds: -1, weight: 0}}"),
     {"spec.gateway.queue.requests: Invalid value: 10001: must be between 0 and 10000, inclusive",
      "spec.gateway.queue.waitSeconds: Invalid value: -1: must be between 0 and 600, inclusive",
      "spec.gateway.queue.weight: Invalid value: 0: must be between 1 and 1000, inclusive"}},
    {"models that lead nowhere",
     TENANT(
         "  gateway: {models: [{name: a, fallbacks: [a, gone, b, b], rateLimit: {tokensPerMinute: "
         "-1}}, {name: 'b c'}, {backends: ["
         "{weight: -1, concurrentRequestsPerEndpoint: 0}, {service: {name: not, namespace: other}, "
         "model: '\"'}]}]}"),
     {"spec.gateway.models[0].fallbacks[0]: Invalid value: \"a\": is the model itself",
      "spec.gateway.models[0].fallbacks[1]: Invalid value: \"gone\": must be one of "
      "`spec.gateway.models`",
      "spec.gateway.models[0].fallbacks[2]: Invalid value: \"b\": must be one of "
      "`spec.gateway.models`",
      "spec.gateway.models[0].fallbacks[3]: Invalid value: \"b\": must be one of "
      "`spec.gateway.models`",
      "spec.gateway.models[0].fallbacks[3]: Duplicate value: \"b\"",
      "spec.gateway.models[0].rateLimit.tokensPerMinute: Invalid value: -1: must be between 0 and "
      "1000000000, inclusive",
      "spec.gateway.models[1].name: Invalid value: \"b c\": must be of printable ASCII characters "
      "but spaces, commas, quotes and backslashes",
      "spec.gateway.models[2].name: Required value",
      "spec.gateway.models[2].backends[0].weight: Invalid value: -1: must be between 0 and "
      "1000000, inclusive",
      "spec.gateway.models[2].backends[0].concurrentRequestsPerEndpoint: Invalid value: 0: must be "
      "between 1 and 1000000, inclusive",
      "spec.gateway.models[2].backends[1].service.namespace: Invalid value: \"other\": must be one "
      "of `spec.namespaces`",
      "spec.gateway.models[2].backends[1].model: Invalid value: \"\\\"\": must be of printable "
      "ASCII characters but spaces, commas, quotes and backslashes"}},
    {"providers that cannot be asked",
     TENANT("  gateway: {models: [{name: a, backends: ["
            "{provider: {baseURL: ''}}, {provider: {baseURL: 'ftp://x'}}, "
            "{provider: {baseURL: 'https://u@x'}, service: {name: s, port: 1}}, "
            "{provider: {baseURL: 'https://x/v1', apiKeyHeader: X-Key, "
            "apiKeyRef: {name: k, namespace: other, key: k}, "
            "caRef: {name: c, namespace: insula-system, key: c}, "
            "headers: [{name: Host, value: y}, {name: A, value: \"b\\n\"}, {name: a}]}}, "
            "{provider: {baseURL: 'http://x', apiKeyRef: "
            "{name: k, namespace: insula-system, key: k}}}]}]}"),
     {"spec.gateway.models[0].backends[0].provider.baseURL: Required value",
      "spec.gateway.models[0].backends[1].provider.baseURL: Invalid value: \"ftp://x\": must be an "
      "https or http URL with a host, without a user name or a fragment",
      "spec.gateway.models[0].backends[2].service: Forbidden: may not be set together with "
      "`provider`",
      "spec.gateway.models[0].backends[2].provider.baseURL: Invalid value: \"https://u@x\": must "
      "be "
      "an https or http URL with a host, without a user name or a fragment",
      "spec.gateway.models[0].backends[3].provider.apiKeyHeader: Unsupported value: \"X-Key\": "
      "supported values: \"Authorization\", \"x-api-key\", \"api-key\"",
      "spec.gateway.models[0].backends[3].provider.headers[0].name: Forbidden: Host is the "
      "gateway's to say",
      "spec.gateway.models[0].backends[3].provider.headers[1].value: Invalid value: \"b\\n\": must "
      "be of printable ASCII characters",
      "spec.gateway.models[0].backends[3].provider.headers[2].name: Duplicate value: \"a\"",
      "spec.gateway.models[0].backends[3].provider.apiKeyRef.namespace: Invalid value: \"other\": "
      "must be one of `spec.namespaces`",
      "spec.gateway.models[0].backends[3].provider.caRef.namespace: Invalid value: "
      "\"insula-system\": must be one of `spec.namespaces`"}},
    {"a model whose routing and health check nobody knows",
     TENANT("  gateway: {models: [{name: a, routing: {policy: Random}, healthCheck: {path: health, "
            "periodSeconds: 0, failureThreshold: 101}}, {name: b, healthCheck: {path: ''}}]}"),
     {"spec.gateway.models[0].routing.policy: Unsupported value: \"Random\": supported values: "
      "\"LeastRequests\", \"Session\", \"PrefixCache\"",
      "spec.gateway.models[0].healthCheck.path: Invalid value: \"health\": must be a path such as "
      "/health",
      "spec.gateway.models[0].healthCheck.periodSeconds: Invalid value: 0: must be between 1 and "
      "3600, inclusive",
      "spec.gateway.models[0].healthCheck.failureThreshold: Invalid value: 101: must be between 1 "
      "and 100, inclusive",
      "spec.gateway.models[1].healthCheck.path: Required value"}},
    {"a model twice",
     TENANT("  gateway: {models: [{name: a}, {name: a}]}"),
     {"spec.gateway.models[1].name: Duplicate value: \"a\""}},
    {"a model server without an image",
     TENANT("  serve: {replicas: -1}"),
     {"spec.serve.image: Required value",
      "spec.serve.replicas: Invalid value: -1: must be greater than or equal to "
      "0"}},
};

INSTANTIATE_TEST_SUITE_P(Tenant, CreationTest, testing::ValuesIn(kTenants));

}  // namespace
}  // namespace insula::api
