#include "api/validation/test_creation.h"

namespace insula::api {
namespace {

using testing::ElementsAreArray;

class CreationTest : public testing::TestWithParam<Creation> {};

TEST_P(CreationTest, IsAnsweredAsKubernetesDoes) {
  EXPECT_THAT(causes_of(GetParam()), ElementsAreArray(GetParam().wrong));
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
      "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
      "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty",
      "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
      "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"}},
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

}  // namespace
}  // namespace insula::api
