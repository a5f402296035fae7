#pragma once

#include <span>
#include <vector>

#include "api/gen/admissionregistration_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> webhook_configuration_columns();
[[nodiscard]] std::vector<Cell> cells(const MutatingWebhookConfiguration& object, WallTime now);
[[nodiscard]] std::vector<Cell> cells(const ValidatingWebhookConfiguration& object, WallTime now);
[[nodiscard]] std::span<const Column> validating_admission_policy_columns();
[[nodiscard]] std::vector<Cell> cells(const ValidatingAdmissionPolicy& object, WallTime now);
[[nodiscard]] std::span<const Column> validating_admission_policy_binding_columns();
[[nodiscard]] std::vector<Cell> cells(const ValidatingAdmissionPolicyBinding& object, WallTime now);
[[nodiscard]] std::span<const Column> mutating_admission_policy_columns();
[[nodiscard]] std::vector<Cell> cells(const MutatingAdmissionPolicy& object, WallTime now);
[[nodiscard]] std::span<const Column> mutating_admission_policy_binding_columns();
[[nodiscard]] std::vector<Cell> cells(const MutatingAdmissionPolicyBinding& object, WallTime now);

}  // namespace insula::api
