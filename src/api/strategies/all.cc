#include "api/kind.h"
#include "api/strategies/custom_resource_definition.h"
#include "api/strategies/further.h"
#include "api/strategies/strategies.h"
#include "base/check.h"

namespace insula::api {

namespace {

constexpr const KindStrategy& (*kAll[])() = {
    namespace_strategy,
    pod_strategy,
    service_strategy,
    endpoints_strategy,
    endpoint_slice_strategy,
    config_map_strategy,
    secret_strategy,
    service_account_strategy,
    event_strategy,
    node_strategy,
    lease_strategy,
    resource_quota_strategy,
    limit_range_strategy,
    network_policy_strategy,
    deployment_strategy,
    replica_set_strategy,
    stateful_set_strategy,
    daemon_set_strategy,
    controller_revision_strategy,
    replication_controller_strategy,
    pod_template_strategy,
    persistent_volume_strategy,
    persistent_volume_claim_strategy,
    event_v1_strategy,
    horizontal_pod_autoscaler_strategy,
    horizontal_pod_autoscaler_v1_strategy,
    scale_strategy,
    job_strategy,
    cron_job_strategy,
    pod_disruption_budget_strategy,
    ingress_strategy,
    ingress_class_strategy,
    gateway_class_strategy,
    gateway_class_v1beta1_strategy,
    gateway_strategy,
    gateway_v1beta1_strategy,
    http_route_strategy,
    http_route_v1beta1_strategy,
    reference_grant_strategy,
    reference_grant_v1beta1_strategy,
    storage_class_strategy,
    csi_driver_strategy,
    csi_node_strategy,
    csi_storage_capacity_strategy,
    volume_attachment_strategy,
    volume_attributes_class_strategy,
    api_service_strategy,
    ip_address_strategy,
    service_cidr_strategy,
    priority_class_strategy,
    runtime_class_strategy,
    certificate_signing_request_strategy,
    tenant_strategy,
    role_strategy,
    cluster_role_strategy,
    role_binding_strategy,
    cluster_role_binding_strategy,
    custom_resource_definition_strategy,
    mutating_webhook_configuration_strategy,
    validating_webhook_configuration_strategy,
    validating_admission_policy_strategy,
    validating_admission_policy_binding_strategy,
    mutating_admission_policy_strategy,
    mutating_admission_policy_binding_strategy,
    flow_schema_strategy,
    priority_level_configuration_strategy,
};

}  // namespace

const KindStrategy& strategy_of(const Kind& kind) {
  for (const auto strategy : kAll) {
    if (&strategy().kind() == &kind) return strategy();
  }
  check_failed(__FILE__, __LINE__, "kind has a strategy", kind.kind);
}

}  // namespace insula::api
