#include "api/defaulting/autoscaling.h"

#include <utility>
#include <vector>

#include "api/defaulting/set.h"

namespace insula::api {

namespace {

constexpr std::int32_t kCpuPercent = 80;
constexpr std::int32_t kPeriodSeconds = 15;
constexpr std::int32_t kPodsAtOnce = 4;
constexpr std::int32_t kPercentAtOnce = 100;

void set_rule_defaults(HPAScalingRules& rules, std::vector<HPAScalingPolicy> policies) {
  set_if_absent(rules.select_policy, "Max");
  if (rules.policies.empty()) rules.policies = std::move(policies);
}

}  // namespace

void set_defaults(HorizontalPodAutoscaler& object) {
  HorizontalPodAutoscalerSpec& spec = object.spec;
  set_if_absent(spec.min_replicas, 1);
  if (spec.metrics.empty()) {
    MetricSpec& metric = spec.metrics.emplace_back();
    metric.type = "Resource";
    ResourceMetricSource& resource = metric.resource.emplace();
    resource.name = "cpu";
    resource.target.type = "Utilization";
    resource.target.average_utilization = kCpuPercent;
  }
  if (!spec.behavior) return;
  const HPAScalingPolicy percent{
      .type = "Percent", .value = kPercentAtOnce, .period_seconds = kPeriodSeconds};
  HPAScalingRules& up = spec.behavior->scale_up.ensure();
  set_if_absent(up.stabilization_window_seconds, 0);
  set_rule_defaults(
      up, {{.type = "Pods", .value = kPodsAtOnce, .period_seconds = kPeriodSeconds}, percent});
  // How long shrinking looks back is the controller's to say where the object does not.
  set_rule_defaults(spec.behavior->scale_down.ensure(), {percent});
}

}  // namespace insula::api
