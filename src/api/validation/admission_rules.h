#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/admissionregistration_v1.h"

/// What the rules of webhooks and of admission policies have in common.
/// Spec: Kubernetes 1.36, pkg/apis/admissionregistration/validation (behaviour and texts).
namespace insula::api {

/// Without the blanks before and behind it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

void validate_rule(const RuleWithOperations& rule, const FieldPath& path, FieldErrors& errors);
void validate_failure_policy(const std::optional<std::string>& policy,
                             const FieldPath& path,
                             FieldErrors& errors);
void validate_match_policy(const std::optional<std::string>& policy,
                           const FieldPath& path,
                           FieldErrors& errors);
void validate_match_conditions(const std::vector<MatchCondition>& conditions,
                               const FieldPath& path,
                               FieldErrors& errors);
void validate_match(const MatchResources& match, const FieldPath& path, FieldErrors& errors);

}  // namespace insula::api
