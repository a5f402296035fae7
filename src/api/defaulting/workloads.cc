#include "api/defaulting/set.h"
#include "api/defaults.h"

namespace insula::api {

namespace {

constexpr std::int32_t kRevisionHistory = 10;
constexpr std::int32_t kProgressSeconds = 600;

void set_defaults(StatefulSetUpdateStrategy& strategy) {
  if (strategy.type.empty()) {
    strategy.type = "RollingUpdate";
    (void)strategy.rolling_update.ensure();
  }
  if (strategy.type != "RollingUpdate" || !strategy.rolling_update) return;
  set_if_absent(strategy.rolling_update->partition, 0);
}

}  // namespace

void set_defaults(Deployment& object) {
  DeploymentSpec& spec = object.spec;
  set_if_absent(spec.replicas, 1);
  set_if_empty(spec.strategy.type, "RollingUpdate");
  if (spec.strategy.type == "RollingUpdate") {
    RollingUpdateDeployment& update = spec.strategy.rolling_update.ensure();
    set_if_absent(update.max_unavailable, IntOrString("25%"));
    set_if_absent(update.max_surge, IntOrString("25%"));
  }
  set_if_absent(spec.revision_history_limit, kRevisionHistory);
  set_if_absent(spec.progress_deadline_seconds, kProgressSeconds);
  set_pod_spec_defaults(spec.template_.spec, RequestsFromLimits::kNo);
}

void set_defaults(ReplicaSet& object) {
  set_if_absent(object.spec.replicas, 1);
  set_pod_spec_defaults(object.spec.template_.spec, RequestsFromLimits::kNo);
}

void set_defaults(StatefulSet& object) {
  StatefulSetSpec& spec = object.spec;
  set_if_empty(spec.pod_management_policy, "OrderedReady");
  set_defaults(spec.update_strategy);
  auto& retention = spec.persistent_volume_claim_retention_policy.ensure();
  set_if_empty(retention.when_deleted, "Retain");
  set_if_empty(retention.when_scaled, "Retain");
  set_if_absent(spec.replicas, 1);
  set_if_absent(spec.revision_history_limit, kRevisionHistory);
  for (PersistentVolumeClaim& claim : spec.volume_claim_templates)
    set_defaults(claim);
  set_pod_spec_defaults(spec.template_.spec, RequestsFromLimits::kNo);
}

void set_defaults(DaemonSet& object) {
  DaemonSetSpec& spec = object.spec;
  set_if_empty(spec.update_strategy.type, "RollingUpdate");
  if (spec.update_strategy.type == "RollingUpdate") {
    RollingUpdateDaemonSet& update = spec.update_strategy.rolling_update.ensure();
    set_if_absent(update.max_unavailable, IntOrString(1));
    set_if_absent(update.max_surge, IntOrString(0));
  }
  set_if_absent(spec.revision_history_limit, kRevisionHistory);
  set_pod_spec_defaults(spec.template_.spec, RequestsFromLimits::kNo);
}

void set_defaults(ReplicationController& object) {
  ReplicationControllerSpec& spec = object.spec;
  set_if_absent(spec.replicas, 1);
  if (!spec.template_) return;
  const auto& labels = spec.template_->metadata.labels;
  if (spec.selector.empty()) spec.selector = labels;
  if (object.metadata.labels.empty()) object.metadata.labels = labels;
  set_pod_spec_defaults(spec.template_->spec, RequestsFromLimits::kNo);
}

void set_defaults(PodTemplate& object) {
  set_pod_spec_defaults(object.template_.spec, RequestsFromLimits::kNo);
}

}  // namespace insula::api
