#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "api/gen/rbac_v1.h"

/// What a Tenant has, as objects: pure functions from its spec. Every object carries the Tenant as
/// its controlling owner, so it goes with it.
namespace insula::tenancy {

inline constexpr const char* kTenantLabel = "insula.dev/tenant";
/// Of an object that users may change: the hash of what was asked for when it was written last. A
/// new spec is applied, a user's `kubectl scale` stays.
inline constexpr const char* kAppliedAnnotation = "insula.dev/applied";
/// How many replicas the spec asked for then: while that stays, a user's number stays.
inline constexpr const char* kReplicasAnnotation = "insula.dev/replicas";
inline constexpr const char* kQuotaName = "tenant-quota";
inline constexpr const char* kLimitRangeName = "tenant-defaults";
inline constexpr const char* kMembersName = "tenant-members";
inline constexpr const char* kDnsNamespace = "kube-system";

/// Where its model server runs and its gateway Service is looked up.
[[nodiscard]] std::string service_namespace(const api::Tenant& tenant);

[[nodiscard]] api::Namespace desired_namespace(const api::Tenant& tenant, const std::string& name);

/// The tenant's whole quota; those of several namespaces hold together (api/shared_quota.h).
/// nullopt when the tenant is not limited.
[[nodiscard]] std::optional<api::ResourceQuota> desired_quota(const api::Tenant& tenant,
                                                              const std::string& name_space);

/// Requests and limits for containers that set none: under a quota for them a pod without would be
/// refused. nullopt when there is no such quota.
[[nodiscard]] std::optional<api::LimitRange> desired_limit_range(const api::Tenant& tenant,
                                                                 const std::string& name_space);

/// Nothing in, nothing out, but for: the tenant's own namespaces, the gateway, DNS, and the public
/// internet (not private networks, nor the metadata service of a cloud).
[[nodiscard]] std::vector<api::NetworkPolicy> desired_policies(const api::Tenant& tenant,
                                                               const std::string& name_space);

/// What the tenant's members (the group `insula:tenant:NAME`) may do: in its namespaces what the
/// ClusterRole api::kTenantMemberRole says, and read the Tenant itself.
[[nodiscard]] api::RoleBinding desired_member_binding(const api::Tenant& tenant,
                                                      const std::string& name_space);
[[nodiscard]] api::ClusterRole desired_reader(const api::Tenant& tenant);
[[nodiscard]] api::ClusterRoleBinding desired_reader_binding(const api::Tenant& tenant);

/// The model server and its address. nullopt when nothing is to be served.
[[nodiscard]] std::optional<api::Deployment> desired_deployment(const api::Tenant& tenant);
[[nodiscard]] std::optional<api::Service> desired_service(const api::Tenant& tenant);

}  // namespace insula::tenancy
