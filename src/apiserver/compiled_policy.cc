#include "apiserver/compiled_policy.h"

#include <utility>

#include "apiserver/patch_types.h"
#include "cel/type.h"

namespace insula::apiserver {

namespace {

/// Compiles what both sorts of policies have, and leaves `compiler` knowing the variables.
template <class Policy>
void compile_terms(Policy& policy, AdmissionCompiler& compiler, api::FieldErrors& errors) {
  const auto& spec = policy.object->spec;
  const api::FieldPath path("spec");
  // The conditions do not know the variables.
  AdmissionCompiler conditions(spec.param_kind.has_value(), errors);
  policy.conditions =
      compile_conditions(spec.match_conditions, path.child("matchConditions"), conditions);
  for (std::size_t i = 0; i < spec.variables.size(); ++i) {
    const api::Variable& variable = spec.variables[i];
    policy.variables.emplace_back(
        variable.name,
        compiler.compile_variable(variable.name, variable.expression,
                                  path.child("variables").index(i).child("expression")));
  }
}

}  // namespace

ValidatingPolicy ValidatingPolicy::compile(std::shared_ptr<const Object> object,
                                           api::FieldErrors& errors) {
  ValidatingPolicy out;
  out.object = std::move(object);
  const api::ValidatingAdmissionPolicySpec& spec = out.object->spec;
  const api::FieldPath path("spec");
  AdmissionCompiler compiler(spec.param_kind.has_value(), errors);
  compile_terms(out, compiler, errors);
  for (std::size_t i = 0; i < spec.validations.size(); ++i) {
    const api::Validation& validation = spec.validations[i];
    const api::FieldPath at = path.child("validations").index(i);
    Check& check = out.checks.emplace_back();
    check.expression =
        compiler.compile(validation.expression, {cel::Type::boolean()}, at.child("expression"));
    if (!validation.message_expression.empty()) {
      check.message = compiler.compile(validation.message_expression, {cel::Type::string()},
                                       at.child("messageExpression"));
    }
  }
  for (std::size_t i = 0; i < spec.audit_annotations.size(); ++i) {
    out.notes.push_back(compiler.compile(
        spec.audit_annotations[i].value_expression, {cel::Type::string(), cel::Type::null()},
        path.child("auditAnnotations").index(i).child("valueExpression")));
  }
  return out;
}

MutatingPolicy MutatingPolicy::compile(std::shared_ptr<const Object> object,
                                       api::FieldErrors& errors) {
  MutatingPolicy out;
  out.object = std::move(object);
  const api::MutatingAdmissionPolicySpec& spec = out.object->spec;
  AdmissionCompiler compiler(spec.param_kind.has_value(), errors);
  compile_terms(out, compiler, errors);
  for (std::size_t i = 0; i < spec.mutations.size(); ++i) {
    const api::Mutation& mutation = spec.mutations[i];
    const api::FieldPath at = api::FieldPath("spec").child("mutations").index(i);
    // The rules on required fields speak of what is missing.
    static const std::string none;
    const bool patch = mutation.patch_type == "JSONPatch";
    if (patch) {
      out.mutations.push_back(
          compiler.compile_patch(mutation.json_patch ? mutation.json_patch->expression : none,
                                 json_patch_type(), at.child("jsonPatch").child("expression")));
    } else {
      const auto& apply = mutation.apply_configuration;
      out.mutations.push_back(
          compiler.compile_patch(apply ? apply->expression : none, apply_configuration_type(),
                                 at.child("applyConfiguration").child("expression")));
    }
  }
  return out;
}

}  // namespace insula::apiserver
