#include "api/validation/kinds.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

void validate_rolling_update(const RollingUpdateDaemonSet& update,
                             const FieldPath& path,
                             FieldErrors& errors) {
  const IntOrString unavailable = update.max_unavailable.value_or(IntOrString(0));
  const IntOrString surge = update.max_surge.value_or(IntOrString(0));
  const FieldPath unavailable_path = path.child("maxUnavailable");
  const FieldPath surge_path = path.child("maxSurge");
  validate_count_or_percent(unavailable, unavailable_path, errors);
  validate_count_or_percent(surge, surge_path, errors);
  validate_at_most_all(unavailable, unavailable_path, errors);
  validate_at_most_all(surge, surge_path, errors);
  const bool may_miss = count_or_percent(unavailable) != 0;
  const bool may_surge = count_or_percent(surge) != 0;
  if (may_miss && may_surge) {
    errors.invalid(surge_path, shown(surge), "may not be set when maxUnavailable is non-zero");
  } else if (!may_miss && !may_surge) {
    errors.required(unavailable_path, "cannot be 0 when maxSurge is 0");
  }
}

void validate_strategy(const DaemonSetUpdateStrategy& strategy, FieldErrors& errors) {
  const FieldPath path("spec.updateStrategy");
  if (strategy.type == "OnDelete") return;
  if (strategy.type != "RollingUpdate") {
    errors.not_supported(path, shown(strategy), {"RollingUpdate", "OnDelete"});
  } else if (!strategy.rolling_update) {
    errors.required(path.child("rollingUpdate"));
  } else {
    validate_rolling_update(*strategy.rolling_update, path.child("rollingUpdate"), errors);
  }
}

void validate_status(const DaemonSetStatus& status, FieldErrors& errors) {
  const FieldPath path("status");
  const auto check = [&](std::int64_t value, std::string_view field) {
    not_negative(value, path.child(field), errors);
  };
  check(status.current_number_scheduled, "currentNumberScheduled");
  check(status.number_misscheduled, "numberMisscheduled");
  check(status.desired_number_scheduled, "desiredNumberScheduled");
  check(status.number_ready, "numberReady");
  check(status.observed_generation, "observedGeneration");
  check(status.updated_number_scheduled, "updatedNumberScheduled");
  check(status.number_available, "numberAvailable");
  check(status.number_unavailable, "numberUnavailable");
  check(status.collision_count.value_or(0), "collisionCount");
}

}  // namespace

void validate(const DaemonSet& object, FieldErrors& errors) {
  const DaemonSetSpec& spec = object.spec;
  const FieldPath path("spec");
  if (spec.selector) {
    validate_selected_pods(spec.selector, spec.template_, "daemonset", errors);
  } else {
    // Kubernetes says of a missing selector what it says of one that does not match.
    errors.invalid(path.child("template").child("metadata").child("labels"),
                   shown_map(spec.template_.metadata.labels),
                   "`selector` does not match template `labels`");
  }
  validate_pod_template(spec.template_, path.child("template"), errors);
  validate_lasting_pods(spec.template_.spec, "DaemonSet", errors);
  not_negative(spec.min_ready_seconds, path.child("minReadySeconds"), errors);
  validate_strategy(spec.update_strategy, errors);
  not_negative(spec.revision_history_limit.value_or(0), path.child("revisionHistoryLimit"), errors);
}

void validate_update(const DaemonSet& object,
                     const DaemonSet& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") {
    validate_selector_update(object.spec.selector, old.spec.selector, errors);
    return;
  }
  validate_status(object.status, errors);
  const std::int32_t now = object.status.collision_count.value_or(0);
  if (now < old.status.collision_count.value_or(0))
    errors.invalid(FieldPath("status.collisionCount"), now, "cannot be decremented");
}

}  // namespace insula::api
