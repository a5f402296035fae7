#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/autoscaling_v2.h"
#include "api/gen/networking_v1.h"
#include "api/gen/scheduling_v1.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ingress(const std::string& spec, const std::string& rest = "") {
  return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec: {" + spec + "}\n" + rest;
}

std::string autoscaler(const std::string& spec) {
  return "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec: {scaleTargetRef: "
         "{apiVersion: apps/v1, kind: Deployment, name: web}, " +
         spec + "}";
}

TEST(Ingress, RoutesHostsAndPathsToServices) {
  EXPECT_THAT(
      wrong(ingress("rules: [{host: '*.example.com', http: {paths: [{path: /a, pathType: Prefix, "
                    "backend: {service: {name: web, port: {number: 80}}}}]}}], tls: [{hosts: "
                    "[example.com], secretName: s}]")),
      IsEmpty());
  EXPECT_THAT(wrong(ingress("defaultBackend: {service: {name: web, port: {name: http}}}")),
              IsEmpty());
}

TEST(Ingress, IsRefusedInKubernetesWords) {
  EXPECT_THAT(wrong(ingress("")), ElementsAre("spec: Invalid value: null: either `defaultBackend` "
                                              "or `rules` must be specified"));
  EXPECT_THAT(
      wrong(ingress("rules: [{host: 10.0.0.1, http: {paths: [{path: a//b, pathType: Exact, "
                    "backend: {}}, {backend: {}}]}}]")),
      ElementsAre(
          "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address",
          "spec.rules[0].http.paths[0].path: Invalid value: \"a//b\": must be an absolute path",
          "spec.rules[0].http.paths[0].path: Invalid value: \"a//b\": must not contain '//'",
          "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service backend "
          "is "
          "required",
          "spec.rules[0].http.paths[1].pathType: Required value: pathType must be specified"));
  EXPECT_THAT(wrong(ingress("defaultBackend: {service: {name: web}}")),
              ElementsAre("spec.defaultBackend: Required value: port name or number is required"));
  EXPECT_THAT(wrong(ingress("rules: [{host: 'a.*.com'}]")),
              ElementsAre(HasSubstr("a wildcard DNS-1123 subdomain must start with '*.'")));
  EXPECT_THAT(
      wrong(ingress("ingressClassName: a, rules: [{}]",
                    "metadata: {annotations: {kubernetes.io/ingress.class: b}}")),
      ElementsAre("annotations.kubernetes.io/ingress.class: Invalid value: \"b\": must match "
                  "`ingressClassName` when both are specified"));
}

TEST(IngressClass, KeepsItsController) {
  const std::string head = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\n";
  EXPECT_THAT(wrong(head + "spec: {controller: example.com/c, parameters: {kind: K, name: p}}"),
              IsEmpty());
  EXPECT_THAT(
      wrong(head + "spec: {controller: c, parameters: {kind: K, name: p, scope: Namespace}}"),
      ElementsAre("spec.controller: Invalid value: \"c\": must be a domain-prefixed path "
                  "(such as \"acme.io/foo\")",
                  "spec.parameters.namespace: Required value: `parameters.scope` is set to "
                  "'Namespace'"));
  EXPECT_THAT(
      wrong_change(head + "spec: {controller: a.com/c}", head + "spec: {controller: b.com/c}"),
      ElementsAre("spec.controller: Invalid value: \"b.com/c\": field is immutable"));
}

TEST(PodDisruptionBudget, HasOneBound) {
  const std::string head = "apiVersion: policy/v1\nkind: PodDisruptionBudget\n";
  EXPECT_THAT(wrong(head + "spec: {minAvailable: 50%, selector: {}}"), IsEmpty());
  EXPECT_THAT(
      wrong(head + "spec: {minAvailable: 1, maxUnavailable: 101%}"),
      ElementsAre("spec: Invalid value: {\"minAvailable\":1,\"maxUnavailable\":\"101%\"}: "
                  "minAvailable and maxUnavailable cannot be both set",
                  "spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"));
  EXPECT_THAT(
      wrong_change(head + "spec: {}", head + "spec: {}\nstatus: {currentHealthy: -1}", "status"),
      ElementsAre("status.currentHealthy: Invalid value: -1: must be greater than or equal "
                  "to 0"));
}

TEST(HorizontalPodAutoscaler, WatchesTheCpuUnlessToldOtherwise) {
  const TestObject made = created(autoscaler("maxReplicas: 3, behavior: {scaleDown: {}}"));
  const HorizontalPodAutoscalerSpec& spec = made.as<HorizontalPodAutoscaler>().spec;
  EXPECT_EQ(spec.min_replicas, 1);
  ASSERT_EQ(spec.metrics.size(), 1U);
  EXPECT_EQ(spec.metrics[0].resource->name, "cpu");
  EXPECT_EQ(spec.metrics[0].resource->target.average_utilization, 80);
  EXPECT_EQ(spec.behavior->scale_up->policies.size(), 2U);
  EXPECT_EQ(spec.behavior->scale_down->stabilization_window_seconds, std::nullopt);
  EXPECT_THAT(causes_of(check_create(*made.kind, made.object.get())), IsEmpty());
}

TEST(HorizontalPodAutoscaler, IsRefusedInKubernetesWords) {
  EXPECT_THAT(wrong(autoscaler("maxReplicas: 0, minReplicas: 2")),
              ElementsAre("spec.maxReplicas: Required value: must be set and greater than 0",
                          "spec.maxReplicas: Invalid value: 0: must be greater than or equal to "
                          "`minReplicas`"));
  EXPECT_THAT(
      wrong(
          autoscaler("maxReplicas: 1, metrics: [{type: Pods, resource: {name: cpu, target: {type: "
                     "Utilization}}}]")),
      ElementsAre("spec.metrics[0].resource.target.averageUtilization: Required value: must set "
                  "either a target raw value or a target utilization",
                  "spec.metrics[0].pods: Required value: must populate information for the given "
                  "metric source"));
  EXPECT_THAT(
      wrong(autoscaler("maxReplicas: 1, behavior: {scaleUp: {stabilizationWindowSeconds: 3601, "
                       "policies: [{type: Some, value: 0, periodSeconds: 1801}]}}")),
      ElementsAre("spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be "
                  "less than or equal to 3600",
                  "spec.behavior.scaleUp.policies[0].type: Unsupported value: \"Some\": supported "
                  "values: \"Percent\", \"Pods\"",
                  "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than "
                  "zero",
                  "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be "
                  "less than or equal to 1800"));
}

TEST(PriorityClass, IsFixedAndBounded) {
  const std::string head = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\n";
  EXPECT_EQ(created(head + "value: 5").as<PriorityClass>().preemption_policy,
            "PreemptLowerPriority");
  EXPECT_THAT(wrong(head + "value: 1000000001"),
              ElementsAre("value: Forbidden: maximum allowed value of a user defined priority is "
                          "1000000000"));
  EXPECT_THAT(
      wrong(head + "value: 5\nmetadata: {name: system-mine}"),
      ElementsAre("metadata.name: Forbidden: priority class names with 'system-' prefix are "
                  "reserved for system use only. error: system-mine is not a known system "
                  "priority class"));
  EXPECT_THAT(wrong_change(head + "value: 5", head + "value: 6"),
              ElementsAre("value: Forbidden: may not be changed in an update."));
}

TEST(RuntimeClass, KeepsItsHandler) {
  const std::string head = "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\n";
  EXPECT_THAT(wrong(head + "handler: ''"), ElementsAre("handler: Required value"));
  EXPECT_THAT(wrong(head + "handler: h\nscheduling: {tolerations: [{operator: Exists}, {operator: "
                           "Exists}]}"),
              ElementsAre("scheduling.tolerations[1]: Duplicate value: {\"operator\":\"Exists\"}"));
  EXPECT_THAT(wrong_change(head + "handler: a", head + "handler: b"),
              ElementsAre("handler: Invalid value: \"b\": field is immutable"));
}

TEST(IdleKinds, SayThatNothingActsOnThem) {
  // ControllerRevision and PodTemplate are kept for others to read, and that is all they are for.
  for (const char* plural :
       {"statefulsets", "daemonsets", "persistentvolumes", "persistentvolumeclaims",
        "storageclasses", "csidrivers", "csinodes", "csistoragecapacities", "volumeattachments",
        "priorityclasses", "runtimeclasses"}) {
    bool found = false;
    for (const Kind* kind : stored_kinds()) {
      if (kind->plural != plural) continue;
      found = true;
      const auto warn = strategy_of(*kind).warnings;
      ASSERT_NE(warn, nullptr) << plural;
      EXPECT_THAT(warn(nullptr),
                  ElementsAre(HasSubstr(std::string(kind->kind) +
                                        " is stored but not acted on by this server yet: ")));
    }
    EXPECT_TRUE(found) << plural;
  }
}

TEST(PriorityClass, IsCheckedWholeWhenItIsMade) {
  const auto critical = [](std::string_view value) {
    return "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: "
           "system-node-critical}, value: " +
           std::string(value) + "}";
  };
  EXPECT_THAT(wrong(critical("3")), ElementsAre(HasSubstr("metadata.name: Forbidden: ")));
  EXPECT_THAT(wrong_change(critical("2000001000"), critical("3")),
              ElementsAre("value: Forbidden: may not be changed in an update."));
}

}  // namespace
}  // namespace insula::api
