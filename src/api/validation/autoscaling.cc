#include "api/validation/autoscaling.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

constexpr std::int32_t kWindowMax = 3600;  // seconds
constexpr std::int32_t kPeriodMax = 1800;  // seconds

void validate_reference(const CrossVersionObjectReference& reference,
                        const FieldPath& path,
                        FieldErrors& errors) {
  validate_reference_word(reference.kind, path.child("kind"), errors);
  validate_reference_word(reference.name, path.child("name"), errors);
  const std::string& version = reference.api_version;
  if (std::ranges::count(version, '/') > 1) {
    errors.invalid(path.child("apiVersion"), version,
                   fmt::format("unexpected GroupVersion string: {}", version));
  }
}

void validate_metric(const MetricIdentifier& metric, const FieldPath& path, FieldErrors& errors) {
  if (metric.name.empty()) {
    errors.required(path.child("name"), "must specify a metric name");
  } else {
    errors.invalid_each(path.child("name"), metric.name, check_path_segment(metric.name));
  }
}

void validate_target(const MetricTarget& target, const FieldPath& path, FieldErrors& errors) {
  const std::string& type = target.type;
  if (type.empty()) errors.required(path.child("type"), "must specify a metric target type");
  if (type != "Utilization" && type != "Value" && type != "AverageValue") {
    errors.invalid(path.child("type"), type, "must be either Utilization, Value, or AverageValue");
  }
  const auto positive = [&](const std::optional<Quantity>& value, std::string_view field) {
    if (value && *value <= Quantity())
      errors.invalid(path.child(field), value->text(), "must be positive");
  };
  positive(target.value, "value");
  positive(target.average_value, "averageValue");
  if (target.average_utilization.value_or(1) < 1) {
    errors.invalid(path.child("averageUtilization"), *target.average_utilization,
                   "must be greater than 0");
  }
}

void validate(const ObjectMetricSource& source, const FieldPath& path, FieldErrors& errors) {
  validate_reference(source.described_object, path.child("describedObject"), errors);
  validate_metric(source.metric, path.child("metric"), errors);
  validate_target(source.target, path.child("target"), errors);
  if (!source.target.value && !source.target.average_value) {
    errors.required(path.child("target").child("averageValue"),
                    "must set either a target value or averageValue");
  }
}

void validate(const ExternalMetricSource& source, const FieldPath& path, FieldErrors& errors) {
  const FieldPath target = path.child("target");
  validate_metric(source.metric, path.child("metric"), errors);
  validate_target(source.target, target, errors);
  if (!source.target.value && !source.target.average_value) {
    errors.required(target.child("averageValue"),
                    "must set either a target value for metric or a per-pod target");
  } else if (source.target.value && source.target.average_value) {
    errors.forbidden(target.child("value"),
                     "may not set both a target value for metric and a per-pod target");
  }
}

void validate(const PodsMetricSource& source, const FieldPath& path, FieldErrors& errors) {
  validate_metric(source.metric, path.child("metric"), errors);
  validate_target(source.target, path.child("target"), errors);
  if (!source.target.average_value) {
    errors.required(path.child("target").child("averageValue"),
                    "must specify a positive target averageValue");
  }
}

/// The target of a resource: a percentage of the requests or an amount.
void validate_resource_target(const MetricTarget& target,
                              const FieldPath& path,
                              FieldErrors& errors) {
  validate_target(target, path, errors);
  if (!target.average_utilization && !target.average_value) {
    errors.required(path.child("averageUtilization"),
                    "must set either a target raw value or a target utilization");
  } else if (target.average_utilization && target.average_value) {
    errors.forbidden(path.child("averageValue"),
                     "may not set both a target raw value and a target utilization");
  }
}

void validate(const ResourceMetricSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.name.empty()) errors.required(path.child("name"), "must specify a resource name");
  validate_resource_target(source.target, path.child("target"), errors);
}

void validate(const ContainerResourceMetricSource& source,
              const FieldPath& path,
              FieldErrors& errors) {
  const FieldPath name = path.child("name");
  if (source.name.empty()) {
    errors.required(name, "must specify a resource name");
  } else {
    validate_container_resource_name(source.name, name, errors);
  }
  const FieldPath container = path.child("container");
  if (source.container.empty()) {
    errors.required(container, "must specify a container");
  } else {
    errors.invalid_each(container, source.container, check_dns1123_label(source.container));
  }
  validate_resource_target(source.target, path.child("target"), errors);
}

/// The sources of one metric: which are set, and the rules of the first.
class Sources {
 public:
  Sources(const FieldPath& path, FieldErrors& errors) : path_(path), errors_(errors) {}

  template <class T>
  void take(const Box<T>& source, std::string_view field) {
    if (!source) return;
    if (present_.empty()) validate(*source, path_.child(field), errors_);
    present_.push_back(field);
  }

  [[nodiscard]] const std::vector<std::string_view>& present() const { return present_; }

 private:
  const FieldPath& path_;
  FieldErrors& errors_;
  std::vector<std::string_view> present_;
};

/// The member that a type of metric wants; empty for a type that there is not.
std::string_view member_of(std::string_view type) {
  if (type == "Object") return "object";
  if (type == "External") return "external";
  if (type == "Pods") return "pods";
  if (type == "Resource") return "resource";
  if (type == "ContainerResource") return "containerResource";
  return {};
}

void validate(const MetricSpec& metric, const FieldPath& path, FieldErrors& errors) {
  const FieldPath type = path.child("type");
  const std::string_view expected = member_of(metric.type);
  if (metric.type.empty()) errors.required(type, "must specify a metric source type");
  if (expected.empty()) {
    errors.not_supported(type, metric.type,
                         {"ContainerResource", "External", "Object", "Pods", "Resource"});
  }
  Sources sources(path, errors);
  sources.take(metric.object, "object");
  sources.take(metric.external, "external");
  sources.take(metric.pods, "pods");
  sources.take(metric.resource, "resource");
  sources.take(metric.container_resource, "containerResource");
  const auto& present = sources.present();
  if (!expected.empty() && std::ranges::find(present, expected) == present.end()) {
    errors.required(path.child(expected), "must populate information for the given metric source");
  }
  if (present.size() < 2) return;
  for (const std::string_view field : present) {
    if (field != expected)
      errors.forbidden(path.child(field), "must populate the given metric source only");
  }
}

void validate_policy(const HPAScalingPolicy& policy, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kPositive = "must be greater than zero";
  if (policy.type != "Pods" && policy.type != "Percent")
    errors.not_supported(path.child("type"), policy.type, {"Percent", "Pods"});
  if (policy.value <= 0) errors.invalid(path.child("value"), policy.value, kPositive);
  const FieldPath period = path.child("periodSeconds");
  if (policy.period_seconds <= 0) errors.invalid(period, policy.period_seconds, kPositive);
  if (policy.period_seconds > kPeriodMax) {
    errors.invalid(period, policy.period_seconds,
                   fmt::format("must be less than or equal to {}", kPeriodMax));
  }
}

void validate_rules(const Box<HPAScalingRules>& rules, const FieldPath& path, FieldErrors& errors) {
  if (!rules) return;
  const std::int32_t window = rules->stabilization_window_seconds.value_or(0);
  const FieldPath window_path = path.child("stabilizationWindowSeconds");
  if (window < 0) errors.invalid(window_path, window, "must be greater than or equal to zero");
  if (window > kWindowMax) {
    errors.invalid(window_path, window,
                   fmt::format("must be less than or equal to {}", kWindowMax));
  }
  const std::string select = rules->select_policy.value_or("Max");
  if (select != "Max" && select != "Min" && select != "Disabled")
    errors.not_supported(path.child("selectPolicy"), select, {"Disabled", "Max", "Min"});
  const FieldPath policies = path.child("policies");
  if (rules->policies.empty()) errors.required(policies, "must specify at least one Policy");
  for (std::size_t i = 0; i < rules->policies.size(); ++i)
    validate_policy(rules->policies[i], policies.index(i), errors);
  if (rules->tolerance && rules->tolerance->is_negative())
    errors.invalid(path.child("tolerance"), rules->tolerance->text(), kNegative);
}

}  // namespace

void validate(const HorizontalPodAutoscaler& object, FieldErrors& errors) {
  const HorizontalPodAutoscalerSpec& spec = object.spec;
  const FieldPath path("spec");
  const FieldPath most = path.child("maxReplicas");
  if (spec.min_replicas.value_or(1) < 1) {
    errors.invalid(path.child("minReplicas"), *spec.min_replicas,
                   "must be greater than or equal to 1");
  }
  if (spec.max_replicas == 0) {
    errors.required(most, "must be set and greater than 0");
  } else if (spec.max_replicas < 0) {
    errors.invalid(most, spec.max_replicas, "must be greater than or equal to 1");
  }
  if (spec.min_replicas && spec.max_replicas < *spec.min_replicas)
    errors.invalid(most, spec.max_replicas, "must be greater than or equal to `minReplicas`");
  validate_reference(spec.scale_target_ref, path.child("scaleTargetRef"), errors);
  for (std::size_t i = 0; i < spec.metrics.size(); ++i)
    validate(spec.metrics[i], path.child("metrics").index(i), errors);
  if (!spec.behavior) return;
  validate_rules(spec.behavior->scale_up, path.child("behavior").child("scaleUp"), errors);
  validate_rules(spec.behavior->scale_down, path.child("behavior").child("scaleDown"), errors);
}

void validate_update(const HorizontalPodAutoscaler& object,
                     const HorizontalPodAutoscaler&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") return;
  const FieldPath path("status");
  not_negative(object.status.current_replicas, path.child("currentReplicas"), errors);
  not_negative(object.status.desired_replicas, path.child("desiredReplicas"), errors);
}

}  // namespace insula::api
