#pragma once

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/coordination_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "api/gen/rbac_v1.h"
#include "api/strategy.h"

/// The rows of `kubectl get`: names, order, types and cell texts as Kubernetes prints them, wide
/// columns included. For each kind its columns, and the cells of one object in the same order.
/// Spec: Kubernetes 1.36, pkg/printers/internalversion (behaviour).
namespace insula::api {

/// The time since something: `45s`, `3m20s`, `5h`, `2d4h`, `3y`. `<invalid>` when more than a
/// second in the future.
[[nodiscard]] std::string human_duration(std::chrono::nanoseconds duration);
/// human_duration() from `then` to `now`; `<unknown>` when `then` is not set.
[[nodiscard]] std::string age(Time then, WallTime now);
[[nodiscard]] std::string age(MicroTime then, WallTime now);

/// `a=b,c=d`, or `<none>`.
[[nodiscard]] std::string label_text(const std::map<std::string, std::string>& labels);
/// `a=b,c in (d,e),!f` in the order of the keys; empty for an empty selector.
[[nodiscard]] std::string selector_text(const LabelSelector& selector);

/// The name, and whether an annotation says that the class is the default.
[[nodiscard]] std::string name_of_class(const ObjectMeta& metadata,
                                        const std::string& default_annotation);

[[nodiscard]] std::span<const Column> namespace_columns();
[[nodiscard]] std::vector<Cell> cells(const Namespace& object, WallTime now);
[[nodiscard]] std::span<const Column> pod_columns();
[[nodiscard]] std::vector<Cell> cells(const Pod& object, WallTime now);
[[nodiscard]] std::span<const Column> service_columns();
[[nodiscard]] std::vector<Cell> cells(const Service& object, WallTime now);
[[nodiscard]] std::span<const Column> endpoints_columns();
[[nodiscard]] std::vector<Cell> cells(const Endpoints& object, WallTime now);
[[nodiscard]] std::span<const Column> endpoint_slice_columns();
[[nodiscard]] std::vector<Cell> cells(const EndpointSlice& object, WallTime now);
[[nodiscard]] std::span<const Column> config_map_columns();
[[nodiscard]] std::vector<Cell> cells(const ConfigMap& object, WallTime now);
[[nodiscard]] std::span<const Column> secret_columns();
[[nodiscard]] std::vector<Cell> cells(const Secret& object, WallTime now);
[[nodiscard]] std::span<const Column> service_account_columns();
[[nodiscard]] std::vector<Cell> cells(const ServiceAccount& object, WallTime now);
[[nodiscard]] std::span<const Column> event_columns();
[[nodiscard]] std::vector<Cell> cells(const Event& object, WallTime now);
[[nodiscard]] std::span<const Column> node_columns();
[[nodiscard]] std::vector<Cell> cells(const Node& object, WallTime now);
[[nodiscard]] std::span<const Column> lease_columns();
[[nodiscard]] std::vector<Cell> cells(const Lease& object, WallTime now);
[[nodiscard]] std::span<const Column> resource_quota_columns();
[[nodiscard]] std::vector<Cell> cells(const ResourceQuota& object, WallTime now);
[[nodiscard]] std::span<const Column> limit_range_columns();
[[nodiscard]] std::vector<Cell> cells(const LimitRange& object, WallTime now);
[[nodiscard]] std::span<const Column> network_policy_columns();
[[nodiscard]] std::vector<Cell> cells(const NetworkPolicy& object, WallTime now);
[[nodiscard]] std::span<const Column> ingress_columns();
[[nodiscard]] std::vector<Cell> cells(const Ingress& object, WallTime now);
[[nodiscard]] std::span<const Column> ingress_class_columns();
[[nodiscard]] std::vector<Cell> cells(const IngressClass& object, WallTime now);
[[nodiscard]] std::span<const Column> deployment_columns();
[[nodiscard]] std::vector<Cell> cells(const Deployment& object, WallTime now);
[[nodiscard]] std::span<const Column> replica_set_columns();
[[nodiscard]] std::vector<Cell> cells(const ReplicaSet& object, WallTime now);
[[nodiscard]] std::span<const Column> stateful_set_columns();
[[nodiscard]] std::vector<Cell> cells(const StatefulSet& object, WallTime now);
[[nodiscard]] std::span<const Column> daemon_set_columns();
[[nodiscard]] std::vector<Cell> cells(const DaemonSet& object, WallTime now);
[[nodiscard]] std::span<const Column> controller_revision_columns();
[[nodiscard]] std::vector<Cell> cells(const ControllerRevision& object, WallTime now);
[[nodiscard]] std::span<const Column> replication_controller_columns();
[[nodiscard]] std::vector<Cell> cells(const ReplicationController& object, WallTime now);
[[nodiscard]] std::span<const Column> pod_template_columns();
[[nodiscard]] std::vector<Cell> cells(const PodTemplate& object, WallTime now);
[[nodiscard]] std::span<const Column> persistent_volume_columns();
[[nodiscard]] std::vector<Cell> cells(const PersistentVolume& object, WallTime now);
[[nodiscard]] std::span<const Column> persistent_volume_claim_columns();
[[nodiscard]] std::vector<Cell> cells(const PersistentVolumeClaim& object, WallTime now);
[[nodiscard]] std::span<const Column> tenant_columns();
[[nodiscard]] std::vector<Cell> cells(const Tenant& object, WallTime now);
[[nodiscard]] std::span<const Column> role_columns();
[[nodiscard]] std::vector<Cell> cells(const Role& object, WallTime now);
[[nodiscard]] std::vector<Cell> cells(const ClusterRole& object, WallTime now);
[[nodiscard]] std::span<const Column> role_binding_columns();
[[nodiscard]] std::vector<Cell> cells(const RoleBinding& object, WallTime now);
[[nodiscard]] std::vector<Cell> cells(const ClusterRoleBinding& object, WallTime now);

inline constexpr Column kNameColumn{"Name", "string", "name", "Name of the object."};
inline constexpr Column kAgeColumn{"Age", "string", "", "Time since the object was made."};

}  // namespace insula::api
