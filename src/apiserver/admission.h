#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/kind.h"
#include "apiserver/admission_times.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// The checks between authorisation and storage, on the pending head of the transaction that stores
/// the object. In running order: namespace_lifecycle, admit_new, (validation), check_pod_security
/// (pod_security.h), charge_quota (quota.h).

/// The namespace exists and is not being deleted.
/// Errors: kNotFound, kForbidden with cause NamespaceTerminating.
Result<> namespace_lifecycle(const store::Transaction& transaction,
                             const api::Kind& kind,
                             std::string_view name_space,
                             std::string_view name);

/// Completes a new object from what its namespace prescribes, and refuses what it forbids: the
/// default ServiceAccount and the tolerations of pods, and LimitRanges. Errors: kForbidden.
Result<> admit_new(const store::Transaction& transaction,
                   const api::Kind& kind,
                   void* object,
                   AdmissionTimer& timer);

/// Completes a changed object from what it was: the tolerations and the priority of a pod that were
/// left out come back. Errors: kForbidden for a second default PriorityClass.
[[nodiscard]] Result<> admit_changed(const store::Transaction& transaction,
                                     const api::Kind& kind,
                                     void* object,
                                     const void* old);

/// Refuses an ephemeral container more than may run at once in a tenant's pod, for no quota counts
/// them. Errors: kForbidden.
Result<> admit_ephemeral_containers(const store::Transaction& transaction,
                                    const api::Kind& kind,
                                    const void* object,
                                    const void* old);

/// Refuses a pod's change of resources that its namespace's LimitRanges forbid, or that the whole
/// of its node could not hold. Errors: kForbidden, with cause NodeCapacity for the latter.
Result<> admit_resize(const store::Transaction& transaction,
                      const api::Kind& kind,
                      const void* object,
                      const void* old);

/// `pods "x" is forbidden: why`.
[[nodiscard]] std::unexpected<Error> forbidden(const api::Kind& kind,
                                               std::string_view name,
                                               std::string_view why);

}  // namespace insula::apiserver
