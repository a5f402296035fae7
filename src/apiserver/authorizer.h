#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/rbac_v1.h"
#include "apiserver/rbac_index.h"
#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

struct Decision {
  bool allowed = false;
  /// Why it is allowed, or what stood in the way of finding out; may be empty.
  std::string reason;
};

/// Decides who may do what: everything for system:masters, health for anybody, what
/// component_rights.h says of Insula's own components, and for all else RBAC over the stored roles
/// and bindings.
///
/// Lifetime: the store outlives it. Threads: the store's loop.
/// Spec: Kubernetes, "Authorization Overview" and "Using RBAC Authorization".
class Authorizer {
 public:
  explicit Authorizer(store::Store& store) : store_(store), index_(store) {}

  [[nodiscard]] Decision decide(const User& user, const RequestInfo& request);

  /// Errors: kForbidden in Kubernetes' words when decide() does not allow it.
  [[nodiscard]] Result<> authorize(const User& user, const RequestInfo& request);

  /// What authorize() makes of a decision.
  [[nodiscard]] static Result<> verdict(const Decision& decision,
                                        const User& user,
                                        const RequestInfo& request);

  /// Every rule that RBAC gives the user in the namespace, or in the whole cluster without one.
  /// Lifetime: the rules are valid until the next call of any member.
  [[nodiscard]] std::vector<const api::PolicyRule*> rules_of(const User& user,
                                                             std::string_view name_space);

 private:
  [[nodiscard]] Decision ask_rbac(const User& user, const RequestInfo& request);

  store::Store& store_;
  RbacIndex index_;
};

/// Paths that need no identity and no right: probes must not fail for want of a binding.
[[nodiscard]] bool is_public(const RequestInfo& request);

/// The name that authorisation goes by: that of the object, or the one that a list or watch selects
/// by `metadata.name=`.
[[nodiscard]] std::string authorized_name(const RequestInfo& request);

}  // namespace insula::apiserver
