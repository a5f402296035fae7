#pragma once

#include "api/gen/core_v1.h"
#include "api/kind.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// Where containers find the credentials of their pod's ServiceAccount.
inline constexpr const char* kTokenMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Gives a new pod its ServiceAccount, `default` unless it names one, and mounts the account's
/// token, the API server's certificate and the namespace into every container that mounts nothing
/// there, unless pod or account say `automountServiceAccountToken: false`.
///
/// Requires: the pod has its uid, which the volume's name is made of.
/// Errors: kForbidden for an account that is not there; but `default` may come a moment later.
/// Spec: Kubernetes, "Configure Service Accounts for Pods".
[[nodiscard]] Result<> admit_service_account(const store::Transaction& transaction,
                                             const api::Kind& kind,
                                             api::Pod& pod);

}  // namespace insula::apiserver
