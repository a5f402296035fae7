#pragma once

#include "apiserver/authorizer.h"
#include "apiserver/registry.h"
#include "apiserver/request_info.h"
#include "apiserver/user.h"

namespace insula::apiserver {

/// Keeps users from giving rights, to themselves or others, that they do not have.
///
///   Role, ClusterRole    the user has every right of the new rules already, or the verb
///                        `escalate` on the role; an aggregationRule wants every right there is
///   RoleBinding,         the user has every right of the role already, or the verb `bind` on it
///   ClusterRoleBinding
///
/// A change of nothing but finalizers and owners gives nothing.
/// Errors of the permit: kForbidden in Kubernetes' words; kNotFound for a binding to a role that
/// does not exist, whose rights nobody can compare.
/// Lifetime: the authorizer outlives the permit.
/// Spec: Kubernetes, "Privilege escalation prevention and bootstrapping".
[[nodiscard]] WritePermit escalation_permit(Authorizer& authorizer, User user, RequestInfo request);

}  // namespace insula::apiserver
