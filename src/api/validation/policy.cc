#include "api/validation/policy.h"

#include "api/validation/metadata.h"
#include "api/validation/shown.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

void validate_part(const std::optional<IntOrString>& value,
                   const FieldPath& path,
                   FieldErrors& errors) {
  if (!value) return;
  validate_count_or_percent(*value, path, errors);
  validate_at_most_all(*value, path, errors);
}

}  // namespace

void validate(const PodDisruptionBudget& object, FieldErrors& errors) {
  const PodDisruptionBudgetSpec& spec = object.spec;
  const FieldPath path("spec");
  if (spec.min_available && spec.max_unavailable) {
    errors.invalid(path, shown(spec), "minAvailable and maxUnavailable cannot be both set");
  }
  validate_part(spec.min_available, path.child("minAvailable"), errors);
  validate_part(spec.max_unavailable, path.child("maxUnavailable"), errors);
  if (spec.selector) validate_label_selector(*spec.selector, path.child("selector"), errors);
  const std::string policy = spec.unhealthy_pod_eviction_policy.value_or("IfHealthyBudget");
  if (policy != "IfHealthyBudget" && policy != "AlwaysAllow") {
    errors.not_supported(path.child("unhealthyPodEvictionPolicy"), policy,
                         {"AlwaysAllow", "IfHealthyBudget"});
  }
}

void validate_update(const PodDisruptionBudget& object,
                     const PodDisruptionBudget&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") return;
  const PodDisruptionBudgetStatus& status = object.status;
  const FieldPath path("status");
  validate_conditions(status.conditions, path.child("conditions"), errors);
  not_negative(status.disruptions_allowed, path.child("disruptionsAllowed"), errors);
  not_negative(status.current_healthy, path.child("currentHealthy"), errors);
  not_negative(status.desired_healthy, path.child("desiredHealthy"), errors);
  not_negative(status.expected_pods, path.child("expectedPods"), errors);
}

}  // namespace insula::api
