#include "api/validation/workload.h"

#include <charconv>

#include <fmt/format.h>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"

namespace insula::api {

void not_negative(std::int64_t value, const FieldPath& path, FieldErrors& errors) {
  if (value < 0) errors.invalid(path, value, kNegative);
}

void validate_selected_pods(const Box<LabelSelector>& selector,
                            const PodTemplateSpec& pods,
                            std::string_view workload,
                            FieldErrors& errors) {
  const FieldPath path("spec.selector");
  if (!selector) {
    errors.required(path);
  } else {
    validate_label_selector(*selector, path, errors);
    if (is_empty(*selector)) {
      errors.invalid(path, shown(*selector),
                     fmt::format("empty selector is invalid for {}", workload));
    } else if (!matches(*selector, pods.metadata.labels)) {
      errors.invalid(FieldPath("spec.template.metadata.labels"), shown_map(pods.metadata.labels),
                     "`selector` does not match template `labels`");
    }
  }
}

void validate_lasting_pods(const PodSpec& pods, std::string_view kind, FieldErrors& errors) {
  const FieldPath path("spec.template.spec");
  if (pods.restart_policy != "Always")
    errors.not_supported(path.child("restartPolicy"), pods.restart_policy, {"Always"});
  if (pods.active_deadline_seconds) {
    errors.forbidden(path.child("activeDeadlineSeconds"),
                     fmt::format("activeDeadlineSeconds in {} is not Supported", kind));
  }
}

std::int32_t count_or_percent(const IntOrString& value) {
  if (!value.is_string()) return value.number();
  std::int32_t number = -1;
  std::from_chars(value.name().data(), value.name().data() + value.name().size(), number);
  return number;
}

void validate_count_or_percent(const IntOrString& value,
                               const FieldPath& path,
                               FieldErrors& errors) {
  if (value.is_string()) {
    errors.invalid_each(path, value.name(), check_percent(value.name()));
  } else {
    not_negative(value.number(), path, errors);
  }
}

void validate_at_most_all(const IntOrString& value, const FieldPath& path, FieldErrors& errors) {
  if (value.is_string() && count_or_percent(value) > 100)
    errors.invalid(path, shown(value), "must not be greater than 100%");
}

void validate_selector_update(const Box<LabelSelector>& selector,
                              const Box<LabelSelector>& old,
                              FieldErrors& errors) {
  if (selector == old) return;
  errors.invalid(FieldPath("spec.selector"), selector ? shown(*selector) : ShownValue::json("null"),
                 kFieldImmutable);
}

namespace {

/// Selector and template of a Deployment or ReplicaSet.
void validate_pods(const Box<LabelSelector>& selector,
                   const PodTemplateSpec& pods,
                   FieldErrors& errors) {
  validate_selected_pods(selector, pods, "deployment", errors);
  validate_pod_template(pods, FieldPath("spec.template"), errors);
  validate_lasting_pods(pods.spec, "ReplicaSet", errors);
}

void validate_strategy(const DeploymentStrategy& strategy, FieldErrors& errors) {
  const FieldPath path("spec.strategy");
  const FieldPath at = path.child("rollingUpdate");
  if (strategy.type == "Recreate") {
    if (strategy.rolling_update) {
      errors.forbidden(at, "may not be specified when strategy `type` is 'Recreate'");
    }
    return;
  }
  if (strategy.type != "RollingUpdate") {
    errors.not_supported(path, shown(strategy), {"Recreate", "RollingUpdate"});
    return;
  }
  if (!strategy.rolling_update) {
    errors.required(at, "this should be defaulted and never be nil");
    return;
  }
  const IntOrString unavailable = strategy.rolling_update->max_unavailable.value_or(IntOrString(0));
  const IntOrString surge = strategy.rolling_update->max_surge.value_or(IntOrString(0));
  validate_count_or_percent(unavailable, at.child("maxUnavailable"), errors);
  validate_count_or_percent(surge, at.child("maxSurge"), errors);
  if (count_or_percent(unavailable) == 0 && count_or_percent(surge) == 0) {
    errors.invalid(at.child("maxUnavailable"), shown(unavailable),
                   "may not be 0 when `maxSurge` is 0");
  }
  validate_at_most_all(unavailable, at.child("maxUnavailable"), errors);
}

}  // namespace

void validate(const Deployment& object, FieldErrors& errors) {
  const DeploymentSpec& spec = object.spec;
  not_negative(spec.replicas.value_or(0), FieldPath("spec.replicas"), errors);
  validate_pods(spec.selector, spec.template_, errors);
  validate_strategy(spec.strategy, errors);
  not_negative(spec.min_ready_seconds, FieldPath("spec.minReadySeconds"), errors);
  not_negative(spec.revision_history_limit.value_or(0), FieldPath("spec.revisionHistoryLimit"),
               errors);
  if (spec.progress_deadline_seconds) {
    const FieldPath path("spec.progressDeadlineSeconds");
    not_negative(*spec.progress_deadline_seconds, path, errors);
    if (*spec.progress_deadline_seconds <= spec.min_ready_seconds) {
      errors.invalid(path, *spec.progress_deadline_seconds, "must be greater than minReadySeconds");
    }
  }
}

void validate_update(const Deployment& object,
                     const Deployment& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") {
    validate_selector_update(object.spec.selector, old.spec.selector, errors);
    return;
  }
  const DeploymentStatus& status = object.status;
  const FieldPath path("status");
  not_negative(status.replicas, path.child("replicas"), errors);
  not_negative(status.updated_replicas, path.child("updatedReplicas"), errors);
  not_negative(status.ready_replicas, path.child("readyReplicas"), errors);
  not_negative(status.available_replicas, path.child("availableReplicas"), errors);
  not_negative(status.unavailable_replicas, path.child("unavailableReplicas"), errors);
  const auto at_most = [&](std::int32_t value, std::int32_t bound, std::string_view field,
                           std::string_view why) {
    if (value > bound) errors.invalid(path.child(field), value, why);
  };
  at_most(status.updated_replicas, status.replicas, "updatedReplicas",
          "cannot be greater than status.replicas");
  at_most(status.ready_replicas, status.replicas, "readyReplicas",
          "cannot be greater than status.replicas");
  at_most(status.available_replicas, status.replicas, "availableReplicas",
          "cannot be greater than status.replicas");
  at_most(status.available_replicas, status.ready_replicas, "availableReplicas",
          "cannot be greater than readyReplicas");
}

void validate(const ReplicaSet& object, FieldErrors& errors) {
  not_negative(object.spec.replicas.value_or(0), FieldPath("spec.replicas"), errors);
  not_negative(object.spec.min_ready_seconds, FieldPath("spec.minReadySeconds"), errors);
  validate_pods(object.spec.selector, object.spec.template_, errors);
}

void validate_update(const ReplicaSet& object,
                     const ReplicaSet& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") {
    validate_selector_update(object.spec.selector, old.spec.selector, errors);
    return;
  }
  const ReplicaSetStatus& status = object.status;
  const FieldPath path("status");
  not_negative(status.replicas, path.child("replicas"), errors);
  not_negative(status.ready_replicas, path.child("readyReplicas"), errors);
  not_negative(status.available_replicas, path.child("availableReplicas"), errors);
  if (status.ready_replicas > status.replicas) {
    errors.invalid(path.child("readyReplicas"), status.ready_replicas,
                   "cannot be greater than status.replicas");
  }
}

}  // namespace insula::api
