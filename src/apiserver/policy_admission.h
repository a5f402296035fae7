#pragma once

#include "api/custom/kind_catalog.h"
#include "api/kind.h"
#include "apiserver/admission_remarks.h"
#include "apiserver/admission_request.h"
#include "apiserver/compiled_policy.h"
#include "apiserver/policy_index.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// ValidatingAdmissionPolicies: evaluates those in force within the transaction of a write, so that
/// parameters and namespaces are those that hold when it is stored.
///
/// Lifetime: store and catalog outlive it. Threads: the store's loop.
/// Spec: Kubernetes, "Validating Admission Policy".
class PolicyAdmission {
 public:
  PolicyAdmission(store::Store& store, api::KindCatalog& kinds) : index_(store), kinds_(kinds) {}

  /// Failures of bindings that only warn or audit become remarks, and so do the policies' notes for
  /// the audit log.
  /// Errors: in Kubernetes' words; kInvalid, or what the reason of the validation that failed says.
  Result<> validate(const store::Transaction& transaction,
                    const AdmissionRequest& request,
                    const AdmissionRemarks& remarks);

 private:
  PolicyIndex<ValidatingPolicy> index_;
  api::KindCatalog& kinds_;
};

/// Whether the expressions of a policy or a webhook can be compiled; nothing for other kinds.
/// Errors: kInvalid in Kubernetes' words.
[[nodiscard]] Result<> check_expressions(const api::Kind& kind, const void* object);

}  // namespace insula::apiserver
