#include "api/validation/admission_rules.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMatchConditionsMax = 64;

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

/// A list that must not be empty, and in which `*` stands alone.
void validate_wildcard_list(const std::vector<std::string>& words,
                            std::string_view others,
                            const FieldPath& path,
                            FieldErrors& errors) {
  if (words.empty()) errors.required(path);
  if (words.size() > 1 && has(words, "*")) {
    errors.invalid(path, shown_list(words),
                   fmt::format("if '*' is present, must not specify other {}", others));
  }
}

void validate_resources(const std::vector<std::string>& resources,
                        const FieldPath& path,
                        FieldErrors& errors) {
  if (resources.empty()) errors.required(path);
  std::set<std::string, std::less<>> all_of;  // x of x/*
  std::set<std::string, std::less<>> any_of;  // x of */x
  bool plain = false;
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const std::string& text = resources[i];
    if (text.empty()) {
      errors.required(path.index(i));
      continue;
    }
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos) {
      plain |= text != "*";
      continue;
    }
    const std::string resource = text.substr(0, slash);
    const std::string subresource = text.substr(slash + 1);
    if (all_of.contains(resource)) {
      errors.invalid(path.index(i), text,
                     fmt::format("if '{}/*' is present, must not specify {}", resource, text));
    }
    if (any_of.contains(subresource)) {
      errors.invalid(path.index(i), text,
                     fmt::format("if '*/{}' is present, must not specify {}", subresource, text));
    }
    if (subresource == "*") all_of.insert(resource);
    if (resource == "*") any_of.insert(subresource);
  }
  if (resources.size() > 1 && has(resources, "*/*")) {
    errors.invalid(path, shown_list(resources),
                   "if '*/*' is present, must not specify other resources");
  }
  if (has(resources, "*") && plain) {
    errors.invalid(path, shown_list(resources),
                   "if '*' is present, must not specify other resources without subresources");
  }
}

void validate_named_rule(const NamedRuleWithOperations& rule,
                         const FieldPath& path,
                         FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < rule.resource_names.size(); ++i) {
    const std::string& name = rule.resource_names[i];
    const FieldPath at = path.child("resourceNames").index(i);
    errors.invalid_each(at, name, check_path_segment(name));
    if (!seen.insert(name).second) errors.duplicate(at, name);
  }
  validate_rule(rule.rule_with_operations, path, errors);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

void validate_rule(const RuleWithOperations& rule, const FieldPath& path, FieldErrors& errors) {
  const FieldPath operations = path.child("operations");
  validate_wildcard_list(rule.operations, "operations", operations, errors);
  for (std::size_t i = 0; i < rule.operations.size(); ++i) {
    const std::string& operation = rule.operations[i];
    constexpr std::array kOperations = {"*"sv, "CONNECT"sv, "CREATE"sv, "DELETE"sv, "UPDATE"sv};
    if (std::ranges::find(kOperations, operation) == kOperations.end()) {
      errors.not_supported(operations.index(i), operation,
                           {"*", "CONNECT", "CREATE", "DELETE", "UPDATE"});
    }
  }
  validate_wildcard_list(rule.rule.api_groups, "API groups", path.child("apiGroups"), errors);
  const FieldPath versions = path.child("apiVersions");
  validate_wildcard_list(rule.rule.api_versions, "API versions", versions, errors);
  for (std::size_t i = 0; i < rule.rule.api_versions.size(); ++i) {
    if (rule.rule.api_versions[i].empty()) errors.required(versions.index(i));
  }
  validate_resources(rule.rule.resources, path.child("resources"), errors);
  const std::string scope = rule.rule.scope.value_or("*");
  if (scope != "*" && scope != "Cluster" && scope != "Namespaced")
    errors.not_supported(path.child("scope"), scope, {"*", "Cluster", "Namespaced"});
}

void validate_failure_policy(const std::optional<std::string>& policy,
                             const FieldPath& path,
                             FieldErrors& errors) {
  if (policy && *policy != "Fail" && *policy != "Ignore")
    errors.not_supported(path, *policy, {"Fail", "Ignore"});
}

void validate_match_policy(const std::optional<std::string>& policy,
                           const FieldPath& path,
                           FieldErrors& errors) {
  if (policy && *policy != "Exact" && *policy != "Equivalent")
    errors.not_supported(path, *policy, {"Equivalent", "Exact"});
}

void validate_match_conditions(const std::vector<MatchCondition>& conditions,
                               const FieldPath& path,
                               FieldErrors& errors) {
  if (conditions.size() > kMatchConditionsMax)
    errors.too_many(path, conditions.size(), kMatchConditionsMax);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const FieldPath at = path.index(i);
    if (trimmed(conditions[i].expression).empty()) errors.required(at.child("expression"));
    const std::string& name = conditions[i].name;
    if (name.empty()) {
      errors.required(at.child("name"));
      continue;
    }
    errors.invalid_each(at.child("name"), name, check_qualified_name(name));
    if (!seen.insert(name).second) errors.duplicate(at.child("name"), name);
  }
}

void validate_match(const MatchResources& match, const FieldPath& path, FieldErrors& errors) {
  validate_match_policy(match.match_policy, path.child("matchPolicy"), errors);
  if (match.namespace_selector)
    validate_label_selector(*match.namespace_selector, path.child("namespaceSelector"), errors);
  if (match.object_selector)
    validate_label_selector(*match.object_selector, path.child("objectSelector"), errors);
  for (std::size_t i = 0; i < match.resource_rules.size(); ++i)
    validate_named_rule(match.resource_rules[i], path.child("resourceRules").index(i), errors);
  for (std::size_t i = 0; i < match.exclude_resource_rules.size(); ++i) {
    validate_named_rule(match.exclude_resource_rules[i],
                        path.child("excludeResourceRules").index(i), errors);
  }
}

}  // namespace insula::api
