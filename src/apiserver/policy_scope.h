#pragma once

#include <string>
#include <vector>

#include "api/box.h"
#include "api/custom/kind_catalog.h"
#include "api/gen/admissionregistration_v1.h"
#include "api/kind.h"
#include "apiserver/admission_request.h"
#include "base/error.h"
#include "json/value.h"
#include "store/store.h"

namespace insula::apiserver {

/// The namespace of a request as expressions see it; null for what is in none.
[[nodiscard]] json::Value namespace_of(const store::Transaction& transaction,
                                       const AdmissionRequest& request);

/// One request as policies look at it: which of them it is about, and with which parameters. Those
/// and namespaces are as the transaction of the write has them.
///
/// Lifetime: what it refers to outlives it. A small value.
/// Spec: Kubernetes, "Validating Admission Policy", "Mutating Admission Policy".
struct PolicyScope {
  const store::Transaction& transaction;
  const AdmissionRequest& request;
  /// Those that there are.
  api::KindCatalog& kinds;

  /// The version of the resource that a policy with these constraints, and a binding with those,
  /// are about; null when they are not about the request.
  [[nodiscard]] const api::Kind* version(const api::Box<api::MatchResources>& constraints,
                                         const api::Box<api::MatchResources>& also) const;

  /// The objects that are a policy's params for a binding, as JSON: one null when it has none.
  /// Errors: kInvalid in Kubernetes' words, without what they are about.
  [[nodiscard]] Result<std::vector<json::Value>> params(
      const api::Box<api::ParamKind>& kind, const api::Box<api::ParamRef>& reference) const;

 private:
  Result<std::string> namespace_of_params(const api::Kind& kind,
                                          const api::ParamRef& reference) const;
};

}  // namespace insula::apiserver
