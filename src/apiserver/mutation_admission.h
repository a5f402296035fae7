#pragma once

#include "api/custom/kind_catalog.h"
#include "apiserver/admission_request.h"
#include "apiserver/compiled_policy.h"
#include "apiserver/object.h"
#include "apiserver/policy_index.h"
#include "apiserver/reinvocation.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// MutatingAdmissionPolicies: changes the object of a write as those in force say, one after the
/// other, each seeing what those before it made of the object. Within the write's transaction, as
/// the validating ones are evaluated.
///
/// What a policy changes is nobody's field. Lifetime: store and catalog outlive it. Threads: the
/// store's loop.
/// Spec: Kubernetes, "Mutating Admission Policy"; KEP-3962.
/// Why: docs/decisions/0025-mutating-policies.md.
class MutationAdmission {
 public:
  MutationAdmission(store::Store& store, api::KindCatalog& kinds) : index_(store), kinds_(kinds) {}

  /// Whether no policy is in force.
  [[nodiscard]] bool empty() { return index_.in_force().empty(); }

  /// The object of a request; null when it is of no kind that is stored, and cannot be changed.
  struct Subject {
    const AdmissionRequest& request;
    ConstObject object;
  };

  /// Returns the object as the policies leave it: of the stored kind, and a new one if any has
  /// changed it.
  /// Errors: in Kubernetes' words; kInvalid with a cause for each policy that failed, kForbidden
  /// when it could not even begin, kInternal for a JSON patch that leaves no object of the kind.
  Result<ConstObject> mutate(const store::Transaction& transaction,
                             const Subject& subject,
                             Reinvocation& reinvocation);

 private:
  PolicyIndex<MutatingPolicy> index_;
  api::KindCatalog& kinds_;
};

}  // namespace insula::apiserver
