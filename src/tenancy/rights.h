#pragma once

#include <memory>
#include <string>

#include "api/gen/insula_v1alpha1.h"
#include "api/gen/rbac_v1.h"
#include "async/task.h"
#include "base/error.h"
#include "client/client.h"
#include "controller/informer.h"

namespace insula::tenancy {

struct RightsMirrors {
  controller::Informer<api::RoleBinding>& role_bindings;
  controller::Informer<api::ClusterRole>& cluster_roles;
  controller::Informer<api::ClusterRoleBinding>& cluster_role_bindings;
};

/// Gives the tenant's members their rights in one of its namespaces, and puts back what was
/// changed: members may write bindings there, this one too. A binding to another role is replaced,
/// whoever made it, since its role cannot be changed.
Task<Result<>> grant_members(client::Client& client,
                             RightsMirrors mirrors,
                             std::shared_ptr<const api::Tenant> tenant,
                             std::string name_space);

/// Lets the tenant's members read the Tenant.
Task<Result<>> grant_reading(client::Client& client,
                             RightsMirrors mirrors,
                             std::shared_ptr<const api::Tenant> tenant);

}  // namespace insula::tenancy
