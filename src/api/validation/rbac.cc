#include "api/rbac.h"

#include <cstdint>
#include <vector>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

void validate_rule(const PolicyRule& rule,
                   Scope scope,
                   const FieldPath& path,
                   FieldErrors& errors) {
  if (rule.verbs.empty())
    errors.required(path.child("verbs"), "verbs must contain at least one value");
  if (!rule.non_resource_urls.empty()) {
    const FieldPath urls = path.child("nonResourceURLs");
    if (scope == Scope::kNamespaced) {
      errors.invalid(urls, shown_list(rule.non_resource_urls),
                     "namespaced rules cannot apply to non-resource URLs");
    }
    if (!rule.api_groups.empty() || !rule.resources.empty() || !rule.resource_names.empty()) {
      errors.invalid(urls, shown_list(rule.non_resource_urls),
                     "rules cannot apply to both regular resources and non-resource URLs");
    }
    return;
  }
  if (rule.api_groups.empty())
    errors.required(path.child("apiGroups"), "resource rules must supply at least one api group");
  if (rule.resources.empty())
    errors.required(path.child("resources"), "resource rules must supply at least one resource");
}

void validate_rules(const std::vector<PolicyRule>& rules, Scope scope, FieldErrors& errors) {
  const FieldPath path("rules");
  for (std::size_t i = 0; i < rules.size(); ++i)
    validate_rule(rules[i], scope, path.index(i), errors);
}

void validate_subject(const Subject& subject,
                      Scope scope,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (subject.name.empty()) errors.required(path.child("name"));
  if (subject.kind == "ServiceAccount") {
    if (!subject.name.empty())
      errors.invalid_each(path.child("name"), subject.name, check_dns1123_subdomain(subject.name));
    if (!subject.api_group.empty())
      errors.not_supported(path.child("apiGroup"), subject.api_group, {""});
    if (scope == Scope::kCluster && subject.namespace_.empty())
      errors.required(path.child("namespace"));
  } else if (subject.kind == "User" || subject.kind == "Group") {
    if (subject.api_group != kRbacGroup)
      errors.not_supported(path.child("apiGroup"), subject.api_group, {kRbacGroup});
  } else {
    errors.not_supported(path.child("kind"), subject.kind, {"ServiceAccount", "User", "Group"});
  }
}

void validate_role_ref(const RoleRef& role, Scope scope, FieldErrors& errors) {
  const FieldPath path("roleRef");
  if (role.api_group != kRbacGroup)
    errors.not_supported(path.child("apiGroup"), role.api_group, {kRbacGroup});
  if (scope == Scope::kCluster && role.kind != "ClusterRole") {
    errors.not_supported(path.child("kind"), role.kind, {"ClusterRole"});
  } else if (role.kind != "Role" && role.kind != "ClusterRole") {
    errors.not_supported(path.child("kind"), role.kind, {"Role", "ClusterRole"});
  }
  if (role.name.empty()) {
    errors.required(path.child("name"));
  } else {
    errors.invalid_each(path.child("name"), role.name, check_path_segment(role.name));
  }
}

void validate_binding(const RoleRef& role,
                      const std::vector<Subject>& subjects,
                      Scope scope,
                      FieldErrors& errors) {
  validate_role_ref(role, scope, errors);
  for (std::size_t i = 0; i < subjects.size(); ++i)
    validate_subject(subjects[i], scope, FieldPath("subjects").index(i), errors);
}

/// Subjects may come and go, but what they were given stays what it was.
void validate_same_role(const RoleRef& role, const RoleRef& old, FieldErrors& errors) {
  if (role != old) errors.invalid(FieldPath("roleRef"), shown(role), "cannot change roleRef");
}

}  // namespace

void validate(const Role& object, FieldErrors& errors) {
  validate_rules(object.rules, Scope::kNamespaced, errors);
}

void validate(const ClusterRole& object, FieldErrors& errors) {
  validate_rules(object.rules, Scope::kCluster, errors);
  if (!object.aggregation_rule) return;
  const FieldPath path = FieldPath("aggregationRule").child("clusterRoleSelectors");
  const std::vector<LabelSelector>& selectors = object.aggregation_rule->cluster_role_selectors;
  if (selectors.empty()) {
    errors.required(path,
                    "at least one clusterRoleSelector required if aggregationRule is non-nil");
  }
  for (std::size_t i = 0; i < selectors.size(); ++i)
    validate_label_selector(selectors[i], path.index(i), errors);
}

void validate(const RoleBinding& object, FieldErrors& errors) {
  validate_binding(object.role_ref, object.subjects, Scope::kNamespaced, errors);
}

void validate_update(const RoleBinding& object,
                     const RoleBinding& old,
                     std::string_view,
                     FieldErrors& errors) {
  validate_same_role(object.role_ref, old.role_ref, errors);
}

void validate(const ClusterRoleBinding& object, FieldErrors& errors) {
  validate_binding(object.role_ref, object.subjects, Scope::kCluster, errors);
}

void validate_update(const ClusterRoleBinding& object,
                     const ClusterRoleBinding& old,
                     std::string_view,
                     FieldErrors& errors) {
  validate_same_role(object.role_ref, old.role_ref, errors);
}

}  // namespace insula::api
