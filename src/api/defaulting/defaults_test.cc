#include "api/defaults.h"

#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/kind.h"
#include "api/strategy.h"
#include "json/write.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

/// What is written, and what parts of the object then read.
struct Default {
  std::string_view about;
  std::string_view written;
  std::string_view means;
};

void PrintTo(const Default& it, std::ostream* out) {
  *out << it.about;
}

class DefaultsTest : public testing::TestWithParam<Default> {};

/// Takes from `actual` what `expected` mentions, so that a table need not repeat the rest.
json::Value projected(const json::Value& actual, const json::Value& expected) {
  if (const json::Object* wanted = expected.as_object()) {
    json::Object out;
    for (const auto& member : *wanted) {
      const json::Value* found =
          actual.is_object() ? actual.as_object()->find(member.key) : nullptr;
      out.set(member.key, found == nullptr ? json::Value() : projected(*found, member.value));
    }
    return out;
  }
  if (expected.is_array() && actual.is_array() &&
      actual.as_array()->size() == expected.as_array()->size()) {
    json::Array out;
    for (std::size_t i = 0; i < actual.as_array()->size(); ++i) {
      out.push_back(projected((*actual.as_array())[i], (*expected.as_array())[i]));
    }
    return out;
  }
  return actual;
}

TEST_P(DefaultsTest, AreWhatTheUserMeant) {
  const auto written = json::parse_yaml_document(GetParam().written);
  ASSERT_TRUE(written) << written.error().message();
  const auto means = json::parse_yaml_document(GetParam().means);
  ASSERT_TRUE(means) << means.error().message();
  const json::Object& members = *written->as_object();
  const Kind* kind =
      find_kind(*members.find("apiVersion")->as_string(), *members.find("kind")->as_string());
  const std::unique_ptr<void, void (*)(void*)> object(kind->type.ops.create(),
                                                      kind->type.ops.destroy);
  const auto decoded = decode_json(kind->type, object.get(), *written, Strictness::kStrict);
  ASSERT_TRUE(decoded) << decoded.error().message();
  strategy_of(*kind).set_defaults(object.get());
  const json::Value actual = projected(to_json(kind->type, object.get()), *means);
  EXPECT_EQ(json::write(actual), json::write(*means));
}

#define POD(text) "apiVersion: v1\nkind: Pod\nspec:\n" text

const Default kTable[] = {
    {"a pod", POD("  containers: [{name: c, image: i}]"),
     "spec: {restartPolicy: Always, dnsPolicy: ClusterFirst, schedulerName: default-scheduler, "
     "terminationGracePeriodSeconds: 30, enableServiceLinks: true, securityContext: {}}"},
    {"a container", POD("  containers: [{name: c, image: i, ports: [{containerPort: 80}]}]"),
     "spec: {containers: [{terminationMessagePath: /dev/termination-log, terminationMessagePolicy: "
     "File, ports: "
     "[{protocol: TCP}]}]}"},
    {"when images are pulled",
     POD("  containers: [{image: a}, {image: a:latest}, {image: 'a:1'}, {image: 'h:5000/a'}, "
         "{image: 'h:5000/a:1'},"
         " {image: 'a@sha256:12'}, {image: 'a:latest', imagePullPolicy: Never}]"),
     "spec: {containers: [{imagePullPolicy: Always}, {imagePullPolicy: Always}, {imagePullPolicy: "
     "IfNotPresent}, "
     "{imagePullPolicy: Always}, {imagePullPolicy: IfNotPresent}, {imagePullPolicy: IfNotPresent}, "
     "{imagePullPolicy: Never}]}"},
    {"requests that are left out are the limits",
     POD("  containers: [{resources: {limits: {nvidia.com/gpu: 1, memory: 2Gi}, requests: {memory: "
         "1Gi, cpu: 1}}}]"),
     "spec: {containers: [{resources: {requests: {cpu: '1', memory: 1Gi, nvidia.com/gpu: '1'}}}]}"},
    {"a probe", POD("  containers: [{livenessProbe: {httpGet: {port: 80}}}]"),
     "spec: {containers: [{livenessProbe: {httpGet: {path: /, port: 80, scheme: HTTP}, "
     "timeoutSeconds: 1, "
     "periodSeconds: 10, successThreshold: 1, failureThreshold: 3}}]}"},
    {"volumes",
     POD("  volumes: [{name: a}, {name: b, secret: {secretName: s}}, {name: c, configMap: {name: "
         "m}}, {name: d, "
         "projected: {sources: [{serviceAccountToken: {path: t}}]}}, {name: e, hostPath: {path: "
         "/e}}]"),
     "spec: {volumes: [{emptyDir: {}}, {secret: {defaultMode: 420}}, {configMap: {defaultMode: "
     "420}}, {projected: "
     "{defaultMode: 420, sources: [{serviceAccountToken: {expirationSeconds: 3600}}]}}, {hostPath: "
     "{type: ''}}]}"},
    {"the old name of the service account", POD("  serviceAccount: a"),
     "spec: {serviceAccount: a, serviceAccountName: a}"},
    {"ports on the node's network",
     POD("  hostNetwork: true\n  containers: [{ports: [{containerPort: 80}]}]"),
     "spec: {containers: [{ports: [{hostPort: 80}]}]}"},
    {"a Deployment",
     "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: [{image: i, "
     "resources: {limits: "
     "{cpu: 1}}}]}}}",
     "spec: {replicas: 1, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, "
     "maxSurge: 25%}}, "
     "revisionHistoryLimit: 10, progressDeadlineSeconds: 600, template: {spec: {restartPolicy: "
     "Always, "
     "enableServiceLinks: null, containers: [{imagePullPolicy: Always, resources: {requests: "
     "null}}]}}}"},
    {"a template for the node's network",
     "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {hostNetwork: true, "
     "containers: [{image: i, ports: [{containerPort: 80}]}]}}}",
     "spec: {template: {spec: {containers: [{ports: [{protocol: TCP, hostPort: null}]}]}}}"},
    {"a Deployment of none", "apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 0}",
     "spec: {replicas: 0}"},
    {"a Deployment that stops first",
     "apiVersion: apps/v1\nkind: Deployment\nspec: {strategy: {type: Recreate}}",
     "spec: {strategy: {type: Recreate, rollingUpdate: null}}"},
    {"a Service",
     "apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80}, {port: 81, targetPort: http}]}",
     "spec: {type: ClusterIP, sessionAffinity: None, internalTrafficPolicy: Cluster, ipFamilies: "
     "[IPv4], "
     "ipFamilyPolicy: SingleStack, externalTrafficPolicy: null, ports: [{protocol: TCP, "
     "targetPort: 80}, "
     "{targetPort: http}]}"},
    {"a Service for nodes",
     "apiVersion: v1\nkind: Service\nspec: {type: NodePort, clusterIP: 10.0.0.1}",
     "spec: {externalTrafficPolicy: Cluster, clusterIPs: [10.0.0.1]}"},
    {"a Service that keeps its clients",
     "apiVersion: v1\nkind: Service\nspec: {sessionAffinity: ClientIP}",
     "spec: {sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}}"},
    {"a Secret", "apiVersion: v1\nkind: Secret\nstringData: {a: hi}",
     "{type: Opaque, data: {a: aGk=}, stringData: null}"},
    {"a namespace", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}",
     "{metadata: {labels: {kubernetes.io/metadata.name: a}}, status: {phase: Active}}"},
    {"bounds for containers",
     "apiVersion: v1\nkind: LimitRange\nspec: {limits: [{type: Container, max: {cpu: 4}, min: "
     "{memory: 1Gi}, default: "
     "{memory: 3Gi}}, {type: Pod, max: {cpu: 8}}]}",
     "spec: {limits: [{default: {cpu: '4', memory: 3Gi}, defaultRequest: {cpu: '4', memory: 3Gi}}, "
     "{default: null}]}"},
    {"a NetworkPolicy",
     "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}, egress: "
     "[{ports: [{port: 53}]}]}",
     "spec: {policyTypes: [Ingress, Egress], egress: [{ports: [{protocol: TCP}]}]}"},
    {"a tenant",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\nspec: {serve: {image: "
     "i}}",
     "spec: {namespaces: [a], gateway: {service: {name: llm-service, port: 8000}, rateLimit: "
     "{requestsPerHour: 1000}},"
     " serve: {replicas: 1}}"},
    {"a tenant's models",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nspec: {gateway: {models: [{name: m, backends: "
     "[{service: {name: s}}, {}]}]}}",
     "spec: {gateway: {models: [{backends: [{service: {name: s, port: 8000}, weight: 1}, {service: "
     "{name: llm-service, port: 8000}, weight: 1}]}]}}"},
    {"a tenant that nobody may ask",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nspec: {gateway: {rateLimit: {requestsPerHour: "
     "0}}}",
     "spec: {gateway: {rateLimit: {requestsPerHour: 0}}}"},
    {"algorithms by the kind of key",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nspec: {gateway: {jwt: [{issuer: a, audiences: "
     "[x], secretRef: "
     "{name: s, key: k}}, {issuer: b, audiences: [x], publicKeys: [p]}, "
     "{issuer: c, audiences: [x], jwksURI: 'https://c'}]}}",
     "spec: {gateway: {jwt: [{algorithms: [HS256]}, {algorithms: [RS256, ES256, EdDSA]}, "
     "{algorithms: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA]}]}}"},
};

INSTANTIATE_TEST_SUITE_P(Kinds, DefaultsTest, testing::ValuesIn(kTable));

}  // namespace
}  // namespace insula::api
