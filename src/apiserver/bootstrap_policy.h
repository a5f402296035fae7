#pragma once

#include <vector>

#include "api/gen/rbac_v1.h"
#include "apiserver/registry.h"
#include "async/task.h"
#include "base/error.h"

namespace insula::apiserver {

/// Set to "false" by an administrator on a role or binding that reconcile_policy() shall leave
/// alone.
inline constexpr const char* kAutoUpdate = "rbac.authorization.kubernetes.io/autoupdate";

/// The ClusterRoles that a server has from the start: Kubernetes' own for users (cluster-admin,
/// admin, edit, view and the roles they are made of, discovery, basic-user, public-info-viewer,
/// monitoring) and for components that others run, and those of Insula's components and of tenants'
/// members.
[[nodiscard]] std::vector<api::ClusterRole> default_cluster_roles();

/// The ConfigMap in kube-system that says by which certificates callers are known, for API servers
/// of others, and its entry.
inline constexpr const char* kAuthenticationConfig = "extension-apiserver-authentication";
inline constexpr const char* kClientCaEntry = "client-ca-file";

/// The Roles of the system namespaces.
[[nodiscard]] std::vector<api::Role> default_roles();

/// Who has them from the start.
[[nodiscard]] std::vector<api::ClusterRoleBinding> default_cluster_role_bindings();

/// Puts back what of the defaults is missing: roles, rights and subjects. What was added to them
/// stays. Aggregated roles are filled, so that they mean something before any controller runs.
///
/// Errors: the registry's.
Task<Result<>> reconcile_policy(Registry& registry);

/// The same for default_roles(). Requires: the system namespaces are there.
Task<Result<>> reconcile_namespaced_policy(Registry& registry);

}  // namespace insula::apiserver
