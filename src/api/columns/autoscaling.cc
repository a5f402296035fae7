#include "api/columns/autoscaling.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr std::size_t kMetricsShown = 2;
constexpr std::string_view kUnknown = "<unknown>";

constexpr Column kAutoscalerColumns[] = {
    kNameColumn,
    {"Reference", "string", "", "The workload."},
    {"Targets", "string", "", "What is measured, and what it should be."},
    {"MinPods", "string", "", "Replicas at least."},
    {"MaxPods", "string", "", "Replicas at most."},
    {"Replicas", "string", "", "Replicas that are there."},
    kAgeColumn,
};

constexpr Column kScaleColumns[] = {
    kNameColumn,
    {"Desired", "integer", "", "Replicas that should run."},
    {"Available", "integer", "", "Replicas that are there."},
    kAgeColumn,
};

std::string text_of(const std::optional<Quantity>& value) {
  return value ? value->text() : std::string(kUnknown);
}

/// Of a metric that is one value or an average over the pods.
std::string value_text(const MetricTarget& target, const MetricValueStatus* current) {
  const MetricValueStatus none;
  const MetricValueStatus& now = current == nullptr ? none : *current;
  if (target.average_value)
    return fmt::format("{}/{} (avg)", text_of(now.average_value), target.average_value->text());
  return fmt::format("{}/{}", text_of(now.value), text_of(target.value));
}

std::string resource_text(const std::string& name,
                          const MetricTarget& target,
                          const MetricValueStatus* current) {
  const MetricValueStatus none;
  const MetricValueStatus& now = current == nullptr ? none : *current;
  if (target.average_value) {
    return fmt::format("{}: {}/{}", name, text_of(now.average_value), target.average_value->text());
  }
  const auto percent = [](const std::optional<std::int32_t>& value, std::string_view otherwise) {
    return value ? fmt::format("{}%", *value) : std::string(otherwise);
  };
  return fmt::format("{}: {}/{}", name, percent(now.average_utilization, kUnknown),
                     percent(target.average_utilization, "<auto>"));
}

std::string metric_text(const MetricSpec& metric, const MetricStatus* status) {
  const auto current = [&](auto member) -> const MetricValueStatus* {
    if (status == nullptr || !(status->*member)) return nullptr;
    return &(*(status->*member)).current;
  };
  if (metric.type == "External" && metric.external)
    return value_text(metric.external->target, current(&MetricStatus::external));
  if (metric.type == "Object" && metric.object)
    return value_text(metric.object->target, current(&MetricStatus::object));
  if (metric.type == "Pods" && metric.pods) {
    const MetricValueStatus* now = current(&MetricStatus::pods);
    return fmt::format("{}/{}",
                       now == nullptr ? std::string(kUnknown) : text_of(now->average_value),
                       text_of(metric.pods->target.average_value));
  }
  if (metric.type == "Resource" && metric.resource) {
    return resource_text(metric.resource->name, metric.resource->target,
                         current(&MetricStatus::resource));
  }
  if (metric.type == "ContainerResource" && metric.container_resource) {
    return resource_text(metric.container_resource->name, metric.container_resource->target,
                         current(&MetricStatus::container_resource));
  }
  return "<unknown type>";
}

std::string metrics_text(const HorizontalPodAutoscaler& object) {
  const std::vector<MetricSpec>& metrics = object.spec.metrics;
  const std::vector<MetricStatus>& status = object.status.current_metrics;
  if (metrics.empty()) return "<none>";
  std::string text;
  for (std::size_t i = 0; i < std::min(metrics.size(), kMetricsShown); ++i) {
    if (!text.empty()) text += ", ";
    text += metric_text(metrics[i], i < status.size() ? &status[i] : nullptr);
  }
  if (metrics.size() > kMetricsShown)
    text += fmt::format(" + {} more...", metrics.size() - kMetricsShown);
  return text;
}

}  // namespace

std::span<const Column> horizontal_pod_autoscaler_columns() {
  return kAutoscalerColumns;
}

std::vector<Cell> cells(const HorizontalPodAutoscaler& object, WallTime now) {
  const HorizontalPodAutoscalerSpec& spec = object.spec;
  return {
      object.metadata.name,
      spec.scale_target_ref.kind + "/" + spec.scale_target_ref.name,
      metrics_text(object),
      spec.min_replicas ? fmt::format("{}", *spec.min_replicas) : std::string("<unset>"),
      std::int64_t{spec.max_replicas},
      std::int64_t{object.status.current_replicas},
      age(object.metadata.creation_timestamp, now),
  };
}

std::span<const Column> scale_columns() {
  return kScaleColumns;
}

std::vector<Cell> cells(const Scale& object, WallTime now) {
  return {object.metadata.name, std::int64_t{object.spec.replicas},
          std::int64_t{object.status.replicas}, age(object.metadata.creation_timestamp, now)};
}

}  // namespace insula::api
