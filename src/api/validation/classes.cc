#include "api/validation/classes.h"

#include <set>
#include <tuple>

#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::string_view kSystem = "system-";
constexpr std::int32_t kUserPriorityMax = 1'000'000'000;

/// What keeps a class from being one of the two that Kubernetes has built in; empty if it is one.
std::string system_class_complaint(const PriorityClass& object) {
  const std::string& name = object.metadata.name;
  const std::int32_t value = name == "system-cluster-critical" ? 2'000'000'000
                             : name == "system-node-critical"  ? 2'000'001'000
                                                               : 0;
  if (value == 0) return name + " is not a known system priority class";
  if (object.value != value)
    return fmt::format("value of {} PriorityClass must be {}", name, value);
  if (object.global_default) return fmt::format("globalDefault of {} must be false", name);
  return {};
}

}  // namespace

void validate(const PriorityClass& object, FieldErrors& errors) {
  if (object.metadata.name.starts_with(kSystem)) {
    const std::string complaint = system_class_complaint(object);
    if (!complaint.empty()) {
      errors.forbidden(FieldPath("metadata.name"),
                       "priority class names with 'system-' prefix are reserved for system use "
                       "only. error: " +
                           complaint);
    }
  } else if (object.value > kUserPriorityMax) {
    errors.forbidden(
        FieldPath("value"),
        fmt::format("maximum allowed value of a user defined priority is {}", kUserPriorityMax));
  }
  const std::string policy = object.preemption_policy.value_or("Never");
  if (policy != "Never" && policy != "PreemptLowerPriority") {
    errors.not_supported(FieldPath("preemptionPolicy"), policy, {"PreemptLowerPriority", "Never"});
  }
}

void validate_update(const PriorityClass& object,
                     const PriorityClass& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.value != old.value)
    errors.forbidden(FieldPath("value"), "may not be changed in an update.");
  if (object.preemption_policy != old.preemption_policy) {
    errors.invalid(FieldPath("preemptionPolicy"), object.preemption_policy.value_or(""),
                   kFieldImmutable);
  }
}

void validate(const RuntimeClass& object, FieldErrors& errors) {
  const FieldPath handler("handler");
  if (object.handler.empty()) {
    errors.required(handler);
  } else {
    errors.invalid_each(handler, object.handler, check_dns1123_label(object.handler));
  }
  if (object.overhead) {
    validate_requirements({.limits = object.overhead->pod_fixed}, FieldPath("overhead"), errors);
  }
  if (!object.scheduling) return;
  const FieldPath path("scheduling");
  validate_labels(object.scheduling->node_selector, path.child("nodeSelector"), errors);
  const std::vector<Toleration>& tolerations = object.scheduling->tolerations;
  validate_tolerations(tolerations, path.child("tolerations"), errors);
  std::set<std::tuple<std::string_view, std::string_view, std::string_view, std::string_view>> seen;
  for (std::size_t i = 0; i < tolerations.size(); ++i) {
    const Toleration& it = tolerations[i];
    if (!seen.emplace(it.key, it.operator_, it.value, it.effect).second)
      errors.duplicate(path.child("tolerations").index(i), shown(it));
  }
}

void validate_update(const RuntimeClass& object,
                     const RuntimeClass& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.handler != old.handler)
    errors.invalid(FieldPath("handler"), object.handler, kFieldImmutable);
}

}  // namespace insula::api
