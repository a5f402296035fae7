#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/admissionregistration_v1.h"
#include "apiserver/admission_expression.h"

/// Admission policies with their expressions compiled. What is wrong with these goes to the errors;
/// one that could not be compiled fails when it is evaluated.
namespace insula::apiserver {

struct ValidatingPolicy {
  using Object = api::ValidatingAdmissionPolicy;
  using Binding = api::ValidatingAdmissionPolicyBinding;

  struct Check {
    AdmissionExpression expression;
    std::optional<AdmissionExpression> message;
  };

  [[nodiscard]] static ValidatingPolicy compile(std::shared_ptr<const Object> object,
                                                api::FieldErrors& errors);

  std::shared_ptr<const Object> object;
  NamedExpressions conditions;
  NamedExpressions variables;
  std::vector<Check> checks;               // one for each of spec.validations
  std::vector<AdmissionExpression> notes;  // one for each of spec.auditAnnotations
};

struct MutatingPolicy {
  using Object = api::MutatingAdmissionPolicy;
  using Binding = api::MutatingAdmissionPolicyBinding;

  [[nodiscard]] static MutatingPolicy compile(std::shared_ptr<const Object> object,
                                              api::FieldErrors& errors);

  std::shared_ptr<const Object> object;
  NamedExpressions conditions;
  NamedExpressions variables;
  std::vector<AdmissionExpression> mutations;  // one for each of spec.mutations
};

}  // namespace insula::apiserver
