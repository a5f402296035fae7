#pragma once

#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "store/store.h"

namespace insula::apiserver {

/// Rights of Insula's own components that depend on what is asked for, which no rule of RBAC can
/// say. They hold beside those that RBAC gives.
///
///   system:nodes     reads what pods need, writes pods' status, its own node, its own lease,
///                    events, asks for tokens of accounts (token_request.h says which) (as
///                    Kubernetes' Node authorizer and NodeRestriction)
///   insula:gateway   of Secrets only API keys, the public key of the token issuer, and those that
///                    a Tenant's `jwt` names in the Tenant's namespaces, an Ingress's `tls` in
///                    its own, or a listener of a Gateway that may refer to it; of ConfigMaps only
///                    the prices of models and whose each host is; of ControllerRevisions those
///                    that remember what routes were accepted as
///
/// Whose a namespace is, its controlling owner says, never a label.
[[nodiscard]] bool component_may(const User& user,
                                 const RequestInfo& request,
                                 const store::Store& store);

/// Whether a user has such rights: what RBAC lists of it is not all then.
[[nodiscard]] bool is_component(const User& user);

}  // namespace insula::apiserver
