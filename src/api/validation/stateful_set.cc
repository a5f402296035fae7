#include <algorithm>

#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"
#include "api/validation/storage.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

void validate_rolling_update(const RollingUpdateStatefulSetStrategy& update,
                             const FieldPath& path,
                             FieldErrors& errors) {
  not_negative(update.partition.value_or(0), path.child("partition"), errors);
  if (!update.max_unavailable) return;
  const FieldPath at = path.child("maxUnavailable");
  validate_count_or_percent(*update.max_unavailable, at, errors);
  if (count_or_percent(*update.max_unavailable) == 0)
    errors.invalid(at, shown(*update.max_unavailable), "cannot be 0");
  validate_at_most_all(*update.max_unavailable, at, errors);
}

void validate_strategy(const StatefulSetUpdateStrategy& strategy, FieldErrors& errors) {
  const FieldPath path("spec.updateStrategy");
  const FieldPath at = path.child("rollingUpdate");
  if (strategy.type == "RollingUpdate") {
    if (strategy.rolling_update) validate_rolling_update(*strategy.rolling_update, at, errors);
  } else if (strategy.type != "OnDelete") {
    errors.invalid(path, shown(strategy), "must be 'RollingUpdate' or 'OnDelete'");
  } else if (strategy.rolling_update) {
    errors.invalid(at, shown(*strategy.rolling_update),
                   "only allowed for updateStrategy 'RollingUpdate'");
  }
}

void validate_retention(const StatefulSetPersistentVolumeClaimRetentionPolicy& policy,
                        FieldErrors& errors) {
  const FieldPath path("spec.persistentVolumeClaimRetentionPolicy");
  const auto check = [&](const std::string& value, std::string_view field) {
    if (value != "Retain" && value != "Delete")
      errors.not_supported(path.child(field), value, {"Retain", "Delete"});
  };
  check(policy.when_deleted, "whenDeleted");
  check(policy.when_scaled, "whenScaled");
}

/// The template as the pods will have it: names come from the set, and a claim of each pod stands
/// for a volume.
PodTemplateSpec as_made(const StatefulSetSpec& spec) {
  PodTemplateSpec pods = spec.template_;
  pods.spec.subdomain.clear();
  pods.spec.hostname.clear();
  for (const PersistentVolumeClaim& claim : spec.volume_claim_templates) {
    const std::string& name = claim.metadata.name;
    std::erase_if(pods.spec.volumes, [&](const Volume& volume) { return volume.name == name; });
    Volume volume{.name = name, .volume_source = {}};
    volume.volume_source.persistent_volume_claim.emplace().claim_name = name;
    pods.spec.volumes.push_back(std::move(volume));
  }
  return pods;
}

void validate_status(const StatefulSetStatus& status, FieldErrors& errors) {
  constexpr std::string_view kMoreThanAll = "cannot be greater than status.replicas";
  const FieldPath path("status");
  const auto part = [&](std::int32_t value, std::string_view field) {
    not_negative(value, path.child(field), errors);
    if (value > status.replicas) errors.invalid(path.child(field), value, kMoreThanAll);
  };
  not_negative(status.replicas, path.child("replicas"), errors);
  part(status.ready_replicas, "readyReplicas");
  part(status.current_replicas, "currentReplicas");
  part(status.updated_replicas, "updatedReplicas");
  part(status.available_replicas, "availableReplicas");
  not_negative(status.observed_generation, path.child("observedGeneration"), errors);
  not_negative(status.collision_count.value_or(0), path.child("collisionCount"), errors);
  if (status.available_replicas > status.ready_replicas) {
    errors.invalid(path.child("availableReplicas"), status.available_replicas,
                   "cannot be greater than status.readyReplicas");
  }
}

}  // namespace

void validate(const StatefulSet& object, FieldErrors& errors) {
  const StatefulSetSpec& spec = object.spec;
  const FieldPath path("spec");
  const std::string& management = spec.pod_management_policy;
  if (management != "OrderedReady" && management != "Parallel") {
    errors.invalid(path.child("podManagementPolicy"), management,
                   "must be 'OrderedReady' or 'Parallel'");
  }
  validate_strategy(spec.update_strategy, errors);
  if (spec.persistent_volume_claim_retention_policy)
    validate_retention(*spec.persistent_volume_claim_retention_policy, errors);
  not_negative(spec.replicas.value_or(0), path.child("replicas"), errors);
  not_negative(spec.min_ready_seconds, path.child("minReadySeconds"), errors);
  if (spec.ordinals)
    not_negative(spec.ordinals->start, path.child("ordinals").child("start"), errors);
  validate_selected_pods(spec.selector, spec.template_, "statefulset", errors);
  validate_pod_template(as_made(spec), path.child("template"), errors);
  validate_lasting_pods(spec.template_.spec, "StatefulSet", errors);
}

void validate_create(const StatefulSet& object, FieldErrors& errors) {
  const StatefulSetSpec& spec = object.spec;
  const FieldPath path("spec");
  if (!spec.service_name.empty()) {
    errors.invalid_each(path.child("serviceName"), spec.service_name,
                        check_dns1123_label(spec.service_name));
  }
  for (std::size_t i = 0; i < spec.volume_claim_templates.size(); ++i) {
    validate_claim_spec(spec.volume_claim_templates[i].spec,
                        path.child("volumeClaimTemplates").index(i).child("spec"), errors);
  }
}

void validate_update(const StatefulSet& object,
                     const StatefulSet& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") {
    validate_status(object.status, errors);
    const std::int32_t now = object.status.collision_count.value_or(0);
    if (now < old.status.collision_count.value_or(0))
      errors.invalid(FieldPath("status.collisionCount"), now, "cannot be decremented");
    return;
  }
  // What may change is set back; what differs then may not.
  StatefulSetSpec fixed = object.spec;
  fixed.replicas = old.spec.replicas;
  fixed.template_ = old.spec.template_;
  fixed.update_strategy = old.spec.update_strategy;
  fixed.min_ready_seconds = old.spec.min_ready_seconds;
  fixed.ordinals = old.spec.ordinals;
  fixed.revision_history_limit = old.spec.revision_history_limit;
  fixed.persistent_volume_claim_retention_policy =
      old.spec.persistent_volume_claim_retention_policy;
  if (fixed == old.spec) return;
  errors.forbidden(FieldPath("spec"),
                   "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                   "'template', 'updateStrategy', 'revisionHistoryLimit', "
                   "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
}

}  // namespace insula::api
