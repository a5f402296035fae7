#include <set>
#include <utility>

#include <fmt/format.h>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

void validate_finalizers(const std::vector<std::string>& finalizers, FieldErrors& errors) {
  const FieldPath path("spec.finalizers");
  for (std::size_t i = 0; i < finalizers.size(); ++i) {
    errors.invalid_each(path.index(i), finalizers[i], check_qualified_name(finalizers[i]));
    if (!finalizers[i].contains('/') && finalizers[i] != "kubernetes" &&
        finalizers[i] != "orphan" && finalizers[i] != "foregroundDeletion") {
      errors.invalid(path.index(i), finalizers[i],
                     "name is neither a standard finalizer name nor is it fully qualified");
    }
  }
}

void validate_taints(const std::vector<Taint>& taints, FieldErrors& errors) {
  // Kubernetes reports taints under metadata, although they are in the spec.
  const FieldPath path("metadata.taints");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < taints.size(); ++i) {
    const Taint& taint = taints[i];
    const FieldPath at = path.index(i);
    errors.invalid_each(at.child("key"), taint.key, check_qualified_name(taint.key));
    if (const Complaints complaints = check_label_value(taint.value); !complaints.empty()) {
      errors.invalid(at.child("value"), taint.value, fmt::format("{}", fmt::join(complaints, ";")));
    }
    if (taint.effect.empty()) {
      errors.required(at.child("effect"));
    } else {
      validate_taint_effect(taint.effect, at.child("effect"), errors);
    }
    if (!seen.insert(taint.key + ":" + taint.effect).second) errors.duplicate(at, shown(taint));
  }
}

}  // namespace

void validate(const Namespace& object, FieldErrors& errors) {
  validate_finalizers(object.spec.finalizers, errors);
}

void validate_update(const Namespace& object,
                     const Namespace&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") return;
  const bool going = object.metadata.deletion_timestamp.has_value();
  if (!going && object.status.phase != "Active") {
    errors.invalid(FieldPath("status.Phase"), object.status.phase,
                   "may only be 'Active' if `deletionTimestamp` is empty");
  } else if (going && object.status.phase != "Terminating") {
    errors.invalid(FieldPath("status.Phase"), object.status.phase,
                   "may only be 'Terminating' if `deletionTimestamp` is not empty");
  }
}

void validate(const Node& object, FieldErrors& errors) {
  validate_taints(object.spec.taints, errors);
  for (const auto& [name, amount] : object.status.capacity) {
    validate_amount(name, amount, FieldPath("status.capacity").child(name), errors);
  }
  for (const auto& [name, amount] : object.status.allocatable) {
    validate_amount(name, amount, FieldPath("status.allocatable").child(name), errors);
  }
  for (std::size_t i = 0; i < object.spec.pod_cidrs.size(); ++i) {
    errors.invalid_each(FieldPath("spec.podCIDRs").index(i), object.spec.pod_cidrs[i],
                        check_cidr(object.spec.pod_cidrs[i]));
  }
}

void validate_update(const Node& object,
                     const Node& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (std::size_t i = 0; i < object.status.addresses.size(); ++i) {
      const NodeAddress& address = object.status.addresses[i];
      if (!seen.emplace(address.type, address.address).second) {
        errors.duplicate(FieldPath("status.addresses").index(i), shown(address));
      }
    }
    return;
  }
  if (!old.spec.pod_cidrs.empty() && object.spec.pod_cidrs != old.spec.pod_cidrs) {
    errors.forbidden(FieldPath("spec.podCIDRs"),
                     "node updates may not change podCIDR except from \"\" to valid");
  }
  if (!old.spec.provider_id.empty() && object.spec.provider_id != old.spec.provider_id) {
    errors.forbidden(FieldPath("spec.providerID"),
                     "node updates may not change providerID except from \"\" to valid");
  }
}

void validate(const Lease& object, FieldErrors& errors) {
  if (object.spec.lease_duration_seconds && *object.spec.lease_duration_seconds <= 0) {
    errors.invalid(FieldPath("spec.leaseDurationSeconds"), *object.spec.lease_duration_seconds,
                   "must be greater than 0");
  }
  if (object.spec.lease_transitions && *object.spec.lease_transitions < 0) {
    errors.invalid(FieldPath("spec.leaseTransitions"), *object.spec.lease_transitions, kNegative);
  }
}

}  // namespace insula::api
