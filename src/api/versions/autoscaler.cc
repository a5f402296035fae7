#include <algorithm>

#include "api/versions/versions.h"

namespace insula::api {

namespace {

// v1 knows one metric: CPU time in percent of the requests. Others, the behaviour and the
// conditions are left out of what it shows, and kept when it is written.

bool is_cpu(const MetricSpec& metric) {
  return metric.type == "Resource" && metric.resource && metric.resource->name == "cpu" &&
         metric.resource->target.average_utilization;
}

bool is_cpu(const MetricStatus& metric) {
  return metric.type == "Resource" && metric.resource && metric.resource->name == "cpu";
}

MetricSpec cpu_target(std::int32_t percent) {
  MetricSpec metric{.type = "Resource"};
  ResourceMetricSource& resource = metric.resource.emplace();
  resource.name = "cpu";
  resource.target = {
      .type = "Utilization", .value = {}, .average_value = {}, .average_utilization = percent};
  return metric;
}

void store_target(const std::optional<std::int32_t>& percent, std::vector<MetricSpec>& metrics) {
  const auto found =
      std::ranges::find_if(metrics, [](const MetricSpec& metric) { return is_cpu(metric); });
  if (!percent) {
    if (found != metrics.end()) metrics.erase(found);
  } else if (found == metrics.end()) {
    metrics.push_back(cpu_target(*percent));
  } else {
    found->resource->target.average_utilization = percent;
  }
}

void store_current(const std::optional<std::int32_t>& percent, std::vector<MetricStatus>& metrics) {
  const auto found =
      std::ranges::find_if(metrics, [](const MetricStatus& metric) { return is_cpu(metric); });
  if (found != metrics.end()) {
    found->resource->current.average_utilization = percent;
  } else if (percent) {
    MetricStatus& metric = metrics.emplace_back();
    metric.type = "Resource";
    ResourceMetricStatus& resource = metric.resource.emplace();
    resource.name = "cpu";
    resource.current.average_utilization = percent;
  }
}

}  // namespace

void show(const HorizontalPodAutoscaler& stored, HorizontalPodAutoscalerV1& object) {
  object.metadata = stored.metadata;
  const CrossVersionObjectReference& target = stored.spec.scale_target_ref;
  object.spec.scale_target_ref = {
      .kind = target.kind, .name = target.name, .api_version = target.api_version};
  object.spec.min_replicas = stored.spec.min_replicas;
  object.spec.max_replicas = stored.spec.max_replicas;
  for (const MetricSpec& metric : stored.spec.metrics) {
    if (!is_cpu(metric)) continue;
    object.spec.target_cpu_utilization_percentage = metric.resource->target.average_utilization;
    break;
  }
  object.status.observed_generation = stored.status.observed_generation;
  object.status.last_scale_time = stored.status.last_scale_time;
  object.status.current_replicas = stored.status.current_replicas;
  object.status.desired_replicas = stored.status.desired_replicas;
  for (const MetricStatus& metric : stored.status.current_metrics) {
    if (is_cpu(metric)) {
      object.status.current_cpu_utilization_percentage =
          metric.resource->current.average_utilization;
    }
  }
}

void store(const HorizontalPodAutoscalerV1& object, HorizontalPodAutoscaler& stored) {
  stored.metadata = object.metadata;
  const CrossVersionObjectReferenceV1& target = object.spec.scale_target_ref;
  stored.spec.scale_target_ref = {
      .kind = target.kind, .name = target.name, .api_version = target.api_version};
  stored.spec.min_replicas = object.spec.min_replicas;
  stored.spec.max_replicas = object.spec.max_replicas;
  store_target(object.spec.target_cpu_utilization_percentage, stored.spec.metrics);
  stored.status.observed_generation = object.status.observed_generation;
  stored.status.last_scale_time = object.status.last_scale_time;
  stored.status.current_replicas = object.status.current_replicas;
  stored.status.desired_replicas = object.status.desired_replicas;
  store_current(object.status.current_cpu_utilization_percentage, stored.status.current_metrics);
}

}  // namespace insula::api
