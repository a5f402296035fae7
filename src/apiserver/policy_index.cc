#include "apiserver/policy_index.h"

#include <array>

#include "apiserver/object.h"
#include "base/check.h"
#include "cel/type.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kTakeMax = 500;

std::array<const api::Kind*, 2> mirrored_kinds() {
  return {&api::kind_of<api::ValidatingAdmissionPolicy>(),
          &api::kind_of<api::ValidatingAdmissionPolicyBinding>()};
}

}  // namespace

CompiledPolicy CompiledPolicy::compile(std::shared_ptr<const api::ValidatingAdmissionPolicy> policy,
                                       api::FieldErrors& errors) {
  const api::ValidatingAdmissionPolicySpec& spec = policy->spec;
  const api::FieldPath path("spec");
  const bool with_params = spec.param_kind.has_value();
  CompiledPolicy out;
  // The conditions do not know the variables.
  AdmissionCompiler conditions(with_params, errors);
  out.conditions =
      compile_conditions(spec.match_conditions, path.child("matchConditions"), conditions);
  AdmissionCompiler compiler(with_params, errors);
  for (std::size_t i = 0; i < spec.variables.size(); ++i) {
    const api::Variable& variable = spec.variables[i];
    out.variables.emplace_back(
        variable.name,
        compiler.compile_variable(variable.name, variable.expression,
                                  path.child("variables").index(i).child("expression")));
  }
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
  out.policy = std::move(policy);
  return out;
}

const std::vector<PolicyIndex::Policy>& PolicyIndex::in_force() {
  if (!refresh()) return in_force_;
  in_force_.clear();
  for (const auto& [name, compiled] : policies_) {
    const auto bindings = bindings_.find(name);
    if (bindings != bindings_.end()) in_force_.push_back({compiled, &bindings->second});
  }
  return in_force_;
}

/// Whether anything has changed.
bool PolicyIndex::refresh() {
  if (watches_.empty()) {
    rebuild();
    return true;
  }
  bool changed = false;
  for (auto& [kind, watch] : watches_) {
    while (watch.ready().is_set()) {
      const auto changes = watch.take(kTakeMax);
      if (!changes) {
        rebuild();
        return true;
      }
      for (const store::Change& change : *changes)
        apply(*kind, *change.entry);
      changed = true;
    }
  }
  return changed;
}

void PolicyIndex::rebuild() {
  watches_.clear();
  policies_.clear();
  bindings_.clear();
  policy_of_binding_.clear();
  for (const api::Kind* kind : mirrored_kinds()) {
    const std::string prefix = store_key(*kind, "", "");
    const auto read = store_.scan(prefix, "", 0, [&](const store::EntryPtr& entry) {
      apply(*kind, *entry);
      return true;
    });
    INSULA_CHECK(read, "the newest state can always be read");
    auto watch = store_.watch(prefix, *read);
    INSULA_CHECK(watch, "what was just read can be watched");
    watches_.emplace_back(kind, *std::move(watch));
  }
}

void PolicyIndex::apply(const api::Kind& kind, const store::Entry& entry) {
  if (&kind == &api::kind_of<api::ValidatingAdmissionPolicy>()) {
    auto policy = object_of<api::ValidatingAdmissionPolicy>(entry);
    const std::string name = policy->metadata.name;
    policies_.erase(name);
    if (entry.deleted) return;
    // They were compiled when the policy was written. One that this version of the server does not
    // know any more fails when it is evaluated.
    api::FieldErrors errors;
    policies_.emplace(name, CompiledPolicy::compile(std::move(policy), errors));
    return;
  }
  if (const auto known = policy_of_binding_.find(entry.key); known != policy_of_binding_.end()) {
    const auto bindings = bindings_.find(known->second);
    bindings->second.erase(entry.key);
    if (bindings->second.empty()) bindings_.erase(bindings);
    policy_of_binding_.erase(known);
  }
  if (entry.deleted) return;
  auto binding = object_of<api::ValidatingAdmissionPolicyBinding>(entry);
  const std::string policy = binding->spec.policy_name;
  policy_of_binding_.emplace(entry.key, policy);
  bindings_[policy].emplace(entry.key, std::move(binding));
}

}  // namespace insula::apiserver
