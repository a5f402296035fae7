#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/box.h"
#include "api/custom/kind_catalog.h"
#include "api/gen/admissionregistration_v1.h"
#include "api/kind.h"
#include "apiserver/admission_request.h"
#include "store/store.h"

namespace insula::apiserver {

/// Of webhooks and policies themselves.
inline constexpr std::string_view kAdmissionGroup = "admissionregistration.k8s.io";

/// Whether policies and webhooks are asked about a resource at all: those of the group that they
/// are of themselves are not, for a broken one could not be mended any more.
[[nodiscard]] bool is_admitted(const api::Kind& resource);

/// Which requests somebody wants to be asked about.
///
/// Lifetime: what it points to outlives it.
struct AdmissionMatch {
  const std::vector<api::NamedRuleWithOperations>* rules = nullptr;
  const std::vector<api::NamedRuleWithOperations>* excluded = nullptr;
  const api::LabelSelector* namespaces = nullptr;
  const api::LabelSelector* objects = nullptr;
  /// Rules for another version of the resource hold, too.
  bool equivalent = true;

  [[nodiscard]] static AdmissionMatch of(const api::MatchResources& match);

  /// The version of the resource that a rule is about and everything else fits; null when the
  /// request does not match. Without rules every request does, as what it is. `kinds` are those
  /// that there are, for other versions.
  [[nodiscard]] const api::Kind* find(const store::Transaction& transaction,
                                      const AdmissionRequest& request,
                                      api::KindCatalog& kinds) const;
};

}  // namespace insula::apiserver
