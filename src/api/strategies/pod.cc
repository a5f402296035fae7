#include <algorithm>
#include <utility>
#include <vector>

#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/pod_resources.h"
#include "api/pod_support.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

const Pod& pod(const void* object) {
  return *static_cast<const Pod*>(object);
}

constexpr SelectableField kFields[] = {
    {"spec.nodeName", [](const void* object) { return pod(object).spec.node_name; }},
    {"spec.restartPolicy", [](const void* object) { return pod(object).spec.restart_policy; }},
    {"spec.schedulerName", [](const void* object) { return pod(object).spec.scheduler_name; }},
    {"spec.serviceAccountName",
     [](const void* object) { return pod(object).spec.service_account_name; }},
    {"spec.hostNetwork",
     [](const void* object) {
       return std::string(pod(object).spec.host_network ? "true" : "false");
     }},
    {"status.phase", [](const void* object) { return pod(object).status.phase; }},
    {"status.podIP",
     [](const void* object) {
       const PodStatus& status = pod(object).status;
       return status.pod_ips.empty() ? status.pod_ip : status.pod_ips.front().ip;
     }},
    {"status.podIPs",
     [](const void* object) {
       const PodStatus& status = pod(object).status;
       return status.pod_ips.empty() ? status.pod_ip : status.pod_ips.front().ip;
     }},
    {"status.nominatedNodeName",
     [](const void* object) { return pod(object).status.nominated_node_name; }},
};

void prepare_for_create(Pod& object) {
  object.status = {.phase = "Pending", .qos_class = std::string(qos_class(object.spec))};
  if (!object.spec.scheduling_gates.empty()) {
    object.status.conditions.push_back(
        {.type = "PodScheduled",
         .status = "False",
         .reason = "SchedulingGated",
         .message = "Scheduling is blocked due to non-empty scheduling gates"});
  }
}

/// A subresource with a purpose says nothing of the rest of the pod.
void keep_metadata(ObjectMeta& metadata, const ObjectMeta& old) {
  metadata.labels = old.labels;
  metadata.annotations = old.annotations;
  metadata.finalizers = old.finalizers;
  metadata.owner_references = old.owner_references;
}

void keep_all_but_ephemeral_containers(Pod& object, const Pod& old) {
  std::vector<EphemeralContainer> asked = std::move(object.spec.ephemeral_containers);
  object.spec = old.spec;
  object.spec.ephemeral_containers = std::move(asked);
  keep_metadata(object.metadata, old.metadata);
}

/// Containers that are not the same ones stay as they are asked for, to be refused.
void keep_all_but_resources(std::vector<Container>& asked, const std::vector<Container>& old) {
  if (!std::ranges::equal(asked, old, {}, &Container::name, &Container::name)) return;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Container kept = old[i];
    kept.resources = std::move(asked[i].resources);
    kept.resize_policy = std::move(asked[i].resize_policy);
    asked[i] = std::move(kept);
  }
}

void keep_all_but_resources(Pod& object, const Pod& old) {
  keep_metadata(object.metadata, old.metadata);
  if (object.spec.containers.size() != old.spec.containers.size() ||
      object.spec.init_containers.size() != old.spec.init_containers.size())
    return;
  PodSpec asked = std::exchange(object.spec, old.spec);
  keep_all_but_resources(asked.containers, old.spec.containers);
  keep_all_but_resources(asked.init_containers, old.spec.init_containers);
  object.spec.containers = std::move(asked.containers);
  object.spec.init_containers = std::move(asked.init_containers);
  object.spec.resources = std::move(asked.resources);
}

void prepare_for_update(Pod& object, const Pod& old, std::string_view subresource) {
  if (subresource == "ephemeralcontainers") keep_all_but_ephemeral_containers(object, old);
  if (subresource == "resize") keep_all_but_resources(object, old);
  if (subresource == "status") {
    object.spec = old.spec;
    // Who reports on a pod has no say in who owns it.
    object.metadata.owner_references = old.metadata.owner_references;
    if (object.status.qos_class.empty()) object.status.qos_class = old.status.qos_class;
  } else {
    object.status = old.status;
  }
}

/// A pod that no node has taken on, or that has ended, is gone at once.
std::int64_t grace_period_seconds(const void* object, std::optional<std::int64_t> requested) {
  constexpr std::int64_t kDefaultSeconds = 30;
  const Pod& it = pod(object);
  if (it.spec.node_name.empty() || it.status.phase == "Failed" || it.status.phase == "Succeeded")
    return 0;
  const std::int64_t seconds =
      requested.value_or(it.spec.termination_grace_period_seconds.value_or(kDefaultSeconds));
  return seconds < 0 ? 1 : seconds;
}

std::vector<std::string> warnings(const void* object) {
  return unsupported_fields(static_cast<const Pod*>(object)->spec, FieldPath("spec"));
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<Pod>,
    .set_defaults = erased::change<Pod, set_defaults>,
    .prepare_for_create = erased::change<Pod, prepare_for_create>,
    .prepare_for_update = erased::change_from<Pod, prepare_for_update>,
    .spec_changed = erased::spec_changed<Pod>,
    .validate = erased::check<Pod, validate>,
    .validate_create = erased::check<Pod, validate_create>,
    .validate_update = erased::check_from<Pod, validate_update>,
    .warnings = warnings,
    .columns = pod_columns,
    .cells = erased::row<Pod, cells>,
    .selectable_fields = kFields,
    .grace_period_seconds = grace_period_seconds,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& pod_strategy() {
  return kStrategy;
}

}  // namespace insula::api
