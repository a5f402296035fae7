#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/admissionregistration_v1.h"
#include "api/kind.h"
#include "apiserver/admission_expression.h"
#include "store/store.h"

namespace insula::apiserver {

/// A ValidatingAdmissionPolicy with its expressions compiled.
struct CompiledPolicy {
  struct Check {
    AdmissionExpression expression;
    std::optional<AdmissionExpression> message;
  };

  /// What is wrong with the expressions goes to the errors.
  [[nodiscard]] static CompiledPolicy compile(
      std::shared_ptr<const api::ValidatingAdmissionPolicy> policy, api::FieldErrors& errors);

  std::shared_ptr<const api::ValidatingAdmissionPolicy> policy;
  NamedExpressions conditions;
  NamedExpressions variables;
  std::vector<Check> checks;               // one for each of spec.validations
  std::vector<AdmissionExpression> notes;  // one for each of spec.auditAnnotations
};

/// The policies that are in force, in the order of their names, and their bindings.
///
/// Mirrors the stored objects by watches that are read before each use, as RbacIndex does; an
/// expression is compiled once for each change of its policy.
/// Lifetime: the store outlives it. Threads: the store's loop.
class PolicyIndex {
 public:
  using Bindings =
      std::map<std::string, std::shared_ptr<const api::ValidatingAdmissionPolicyBinding>>;

  struct Policy {
    CompiledPolicy compiled;
    const Bindings* bindings = nullptr;
  };

  explicit PolicyIndex(store::Store& store) : store_(store) {}

  /// Those with at least one binding. Valid until the next call.
  [[nodiscard]] const std::vector<Policy>& in_force();

 private:
  bool refresh();
  void rebuild();
  void apply(const api::Kind& kind, const store::Entry& entry);

  store::Store& store_;
  /// One for each kind; empty before the first use.
  std::vector<std::pair<const api::Kind*, store::Watch>> watches_;
  std::map<std::string, CompiledPolicy> policies_;        // by name
  std::map<std::string, Bindings> bindings_;              // by the policy's name, then their own
  std::map<std::string, std::string> policy_of_binding_;  // by store key
  std::vector<Policy> in_force_;
};

}  // namespace insula::apiserver
