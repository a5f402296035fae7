#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/rbac_v1.h"
#include "base/error.h"

/// What the rules of RBAC mean: pure functions of PolicyRules.
/// Spec: Kubernetes 1.36, "Using RBAC Authorization".
namespace insula::api {

inline constexpr std::string_view kRbacGroup = "rbac.authorization.k8s.io";

/// A request for a resource, as a rule sees it. `name` is empty for collections and creations.
struct ResourceAccess {
  std::string_view verb;
  std::string_view group;
  std::string_view resource;
  std::string_view subresource;
  std::string_view name;
};

[[nodiscard]] bool allows(const PolicyRule& rule, const ResourceAccess& access);

/// A request for a path that is no resource.
[[nodiscard]] bool allows_path(const PolicyRule& rule,
                               std::string_view verb,
                               std::string_view path);

/// Most single rights (one verb on one resource or path) that uncovered() compares at a time.
inline constexpr std::size_t kComparedRightsMax = 10'000;

/// What of `wanted` goes beyond `held`: the rights missing, those of one resource in one rule.
///
/// Rights are compared by what the rules say: `*` is covered by `*` alone, not by a list of all
/// that exists today. Errors: kForbidden beyond kComparedRightsMax.
[[nodiscard]] Result<std::vector<PolicyRule>> uncovered(std::span<const PolicyRule* const> held,
                                                        std::span<const PolicyRule> wanted);

/// `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`: a rule in an error message.
[[nodiscard]] std::string rule_text(const PolicyRule& rule);

/// The rules that a ClusterRole with an aggregationRule has, given all ClusterRoles: those of the
/// roles it selects, by name, each rule once. Requires: it has an aggregationRule.
[[nodiscard]] std::vector<PolicyRule> aggregated_rules(
    const ClusterRole& role, std::span<const std::shared_ptr<const ClusterRole>> all);

}  // namespace insula::api
