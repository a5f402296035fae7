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
[[nodiscard]] const KindStrategy& tenant_strategy();
[[nodiscard]] const KindStrategy& role_strategy();
[[nodiscard]] const KindStrategy& cluster_role_strategy();
[[nodiscard]] const KindStrategy& role_binding_strategy();
[[nodiscard]] const KindStrategy& cluster_role_binding_strategy();

}  // namespace insula::api
