#pragma once

#include "api/strategy.h"

/// The table of each kind. all.cc lists them.
namespace insula::api {

[[nodiscard]] const KindStrategy& namespace_strategy();
[[nodiscard]] const KindStrategy& pod_strategy();
[[nodiscard]] const KindStrategy& service_strategy();
[[nodiscard]] const KindStrategy& endpoints_strategy();
[[nodiscard]] const KindStrategy& endpoint_slice_strategy();
[[nodiscard]] const KindStrategy& config_map_strategy();
[[nodiscard]] const KindStrategy& secret_strategy();
[[nodiscard]] const KindStrategy& service_account_strategy();
[[nodiscard]] const KindStrategy& event_strategy();
[[nodiscard]] const KindStrategy& node_strategy();
[[nodiscard]] const KindStrategy& lease_strategy();
[[nodiscard]] const KindStrategy& resource_quota_strategy();
[[nodiscard]] const KindStrategy& limit_range_strategy();
[[nodiscard]] const KindStrategy& network_policy_strategy();
[[nodiscard]] const KindStrategy& deployment_strategy();
[[nodiscard]] const KindStrategy& replica_set_strategy();
[[nodiscard]] const KindStrategy& stateful_set_strategy();
[[nodiscard]] const KindStrategy& daemon_set_strategy();
[[nodiscard]] const KindStrategy& controller_revision_strategy();
[[nodiscard]] const KindStrategy& replication_controller_strategy();
[[nodiscard]] const KindStrategy& pod_template_strategy();
[[nodiscard]] const KindStrategy& persistent_volume_strategy();
[[nodiscard]] const KindStrategy& persistent_volume_claim_strategy();
[[nodiscard]] const KindStrategy& event_v1_strategy();
[[nodiscard]] const KindStrategy& horizontal_pod_autoscaler_strategy();
[[nodiscard]] const KindStrategy& horizontal_pod_autoscaler_v1_strategy();
[[nodiscard]] const KindStrategy& job_strategy();
[[nodiscard]] const KindStrategy& cron_job_strategy();
[[nodiscard]] const KindStrategy& pod_disruption_budget_strategy();
[[nodiscard]] const KindStrategy& ingress_strategy();
[[nodiscard]] const KindStrategy& ingress_class_strategy();
[[nodiscard]] const KindStrategy& gateway_class_strategy();
[[nodiscard]] const KindStrategy& gateway_class_v1beta1_strategy();
[[nodiscard]] const KindStrategy& gateway_strategy();
[[nodiscard]] const KindStrategy& gateway_v1beta1_strategy();
[[nodiscard]] const KindStrategy& http_route_strategy();
[[nodiscard]] const KindStrategy& http_route_v1beta1_strategy();
[[nodiscard]] const KindStrategy& reference_grant_strategy();
[[nodiscard]] const KindStrategy& reference_grant_v1beta1_strategy();
[[nodiscard]] const KindStrategy& storage_class_strategy();
[[nodiscard]] const KindStrategy& csi_driver_strategy();
[[nodiscard]] const KindStrategy& csi_node_strategy();
[[nodiscard]] const KindStrategy& csi_storage_capacity_strategy();
[[nodiscard]] const KindStrategy& volume_attachment_strategy();
[[nodiscard]] const KindStrategy& priority_class_strategy();
[[nodiscard]] const KindStrategy& runtime_class_strategy();
[[nodiscard]] const KindStrategy& certificate_signing_request_strategy();
[[nodiscard]] const KindStrategy& tenant_strategy();
[[nodiscard]] const KindStrategy& role_strategy();
[[nodiscard]] const KindStrategy& cluster_role_strategy();
[[nodiscard]] const KindStrategy& role_binding_strategy();
[[nodiscard]] const KindStrategy& cluster_role_binding_strategy();
[[nodiscard]] const KindStrategy& mutating_webhook_configuration_strategy();
[[nodiscard]] const KindStrategy& validating_webhook_configuration_strategy();
[[nodiscard]] const KindStrategy& validating_admission_policy_strategy();
[[nodiscard]] const KindStrategy& validating_admission_policy_binding_strategy();
[[nodiscard]] const KindStrategy& mutating_admission_policy_strategy();
[[nodiscard]] const KindStrategy& mutating_admission_policy_binding_strategy();
[[nodiscard]] const KindStrategy& flow_schema_strategy();
[[nodiscard]] const KindStrategy& priority_level_configuration_strategy();

}  // namespace insula::api
