#include "apiserver/mutation_admission.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/apply/structured_merge.h"
#include "api/gen/meta_v1.h"
#include "api/patch.h"
#include "apiserver/admission_match.h"
#include "apiserver/field_ownership.h"
#include "apiserver/object_change.h"
#include "apiserver/patch_types.h"
#include "apiserver/policy_scope.h"

namespace insula::apiserver {

namespace {

using Binding = api::MutatingAdmissionPolicyBinding;

/// A policy that is to change the object, as one of its bindings has it.
struct Invocation {
  const MutatingPolicy& policy;
  const Binding& binding;
  const api::Kind& version;  // of the resource, as the policy wants to see it
  json::Value params;

  /// Tells it from all others, and from webhooks.
  [[nodiscard]] std::string key() const {
    const json::Value& metadata = params["metadata"];
    return fmt::format("policy/{}/{}/{}/{}", policy.object->metadata.name, binding.metadata.name,
                       metadata["namespace"].text(), metadata["name"].text());
  }
};

/// What is wrong with policies that are not to be ignored then.
class Failures {
 public:
  void add(const MutatingPolicy& policy,
           const Binding& binding,
           ErrorCode code,
           std::string_view why) {
    if (policy.object->spec.failure_policy.value_or("Fail") == "Ignore") return;
    if (causes_.empty()) code_ = code;
    causes_.push_back({"", "",
                       fmt::format("policy '{}' with binding '{}' denied request: {}",
                                   policy.object->metadata.name, binding.metadata.name, why)});
  }

  [[nodiscard]] Result<> verdict() && {
    if (causes_.empty()) return {};
    Error error(code_, causes_.front().message);
    return std::unexpected(std::move(error).with_causes(std::move(causes_)));
  }

 private:
  ErrorCode code_ = ErrorCode::kForbidden;
  std::vector<FieldCause> causes_;
};

/// The invocations of the policies whose rules and selectors the request meets, as it came.
std::vector<Invocation> invocations_of(const PolicyScope& scope,
                                       PolicyIndex<MutatingPolicy>& index,
                                       Failures& failures) {
  std::vector<Invocation> out;
  for (const auto& policy : index.in_force()) {
    const MutatingPolicy& compiled = *policy.compiled;
    const api::MutatingAdmissionPolicySpec& spec = compiled.object->spec;
    for (const auto& [key, binding] : *policy.bindings) {
      const api::Kind* version =
          scope.version(spec.match_constraints, binding->spec.match_resources);
      if (version == nullptr) continue;
      Result<std::vector<json::Value>> params =
          scope.params(spec.param_kind, binding->spec.param_ref);
      if (!params) {
        failures.add(compiled, *binding, ErrorCode::kForbidden,
                     fmt::format("failed to configure binding: {}", params.error().message()));
        continue;
      }
      for (json::Value& each : *params)
        out.push_back({compiled, *binding, *version, std::move(each)});
    }
  }
  return out;
}

/// What a mutation makes of the object, as JSON.
struct Outcome {
  json::Value document;
  /// Members that the kind does not know are wrong, not left out.
  api::Strictness strictness = api::Strictness::kIgnore;
};

std::unexpected<Error> not_applied(std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("error applying patch: {}", why));
}

/// Sets fields as server-side apply merges them, but for what has one owner as a whole.
Result<Outcome> apply_configuration(const api::Kind& version,
                                    const json::Value& object,
                                    const cel::Value& value) {
  INSULA_TRY(json::Value config, apply_configuration_of(value));
  for (const char* name : {"apiVersion", "kind"})
    config.as_object()->erase(name);
  const api::MergeSchema& schema = merge_schema(version);
  const auto fields = api::field_set_of(schema, config);
  if (!fields) {
    return not_applied(fmt::format("failed to convert patch object to typed object: {}",
                                   fields.error().message()));
  }
  const std::vector<std::string> atomics = api::atomic_fields(schema, config);
  if (!atomics.empty()) {
    return not_applied(
        fmt::format("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {}",
                    fmt::join(atomics, ", ")));
  }
  return Outcome{api::merge(schema, object, config)};
}

/// Applies operations; nothing is changed when a test among them fails.
Result<Outcome> apply_operations(const json::Value& object, const cel::Value& value) {
  INSULA_TRY(const json::Value patch, json_patch_of(value));
  Result<json::Value> document = api::apply_json_patch(object, patch);
  if (document) return Outcome{*std::move(document), api::Strictness::kStrict};
  if (api::is_failed_test(document.error())) return Outcome{object};
  return fail(ErrorCode::kInvalid, fmt::format("JSON Patch: {}", document.error().message()));
}

/// One request on its way through the policies.
class MutationRun {
 public:
  MutationRun(const store::Transaction& transaction, const MutationAdmission::Subject& subject)
      : request_(subject.request),
        object_(subject.object),
        name_space_(namespace_of(transaction, subject.request)) {}

  [[nodiscard]] const AdmissionRequest& request() const { return request_; }

  [[nodiscard]] ConstObject object() && { return std::move(object_); }

  /// Errors: those that end the request whatever the policy says.
  Result<> invoke(Invocation& invocation, Reinvocation& reinvocation, Failures& failures) {
    const MutatingPolicy& policy = invocation.policy;
    std::string who = invocation.key();
    const auto fail_with = [&](const Error& error) {
      failures.add(policy, invocation.binding, ErrorCode::kInvalid, error.message());
    };
    AdmissionEvaluation evaluation(request_, invocation.version, name_space_, &policy.variables);
    evaluation.set_params(std::move(invocation.params));
    const Result<bool> matches = evaluation.all_true(policy.conditions);
    if (!matches) fail_with(matches.error());
    if (!matches || !*matches || !reinvocation.wants(who)) return {};
    const ConstObject before = object_;
    for (std::size_t i = 0; i < policy.mutations.size(); ++i) {
      const Result<> made = mutate(invocation, i, evaluation);
      if (made) continue;
      if (made.error().code() == ErrorCode::kInternal) return made;
      fail_with(made.error());
    }
    const api::Kind& kind = request_.resource;
    if (before != object_ && !kind.type.ops.equal(before.get(), object_.get()))
      reinvocation.changed();
    reinvocation.was_asked(std::move(who), policy.object->spec.reinvocation_policy == "IfNeeded");
    return {};
  }

 private:
  /// Makes the i-th change of a policy. Errors: kInternal for those that end the request.
  Result<> mutate(const Invocation& invocation, std::size_t i, AdmissionEvaluation& evaluation) {
    if (object_ == nullptr) {
      return fail(ErrorCode::kInvalid,
                  "objects of this operation can be refused by policies but not changed");
    }
    const MutatingPolicy& policy = invocation.policy;
    const api::Kind& version = invocation.version;
    const bool operations = policy.object->spec.mutations[i].patch_type == "JSONPatch";
    std::optional<Outcome> outcome;
    {
      INSULA_TRY(const cel::Value value, evaluation.evaluate(policy.mutations[i]));
      INSULA_TRY(outcome, operations ? apply_operations(evaluation.object(), value)
                                     : apply_configuration(version, evaluation.object(), value));
    }
    if (outcome->document == evaluation.object()) return {};
    const api::Kind& stored = request_.resource;
    Result<Object> next = changed_object(stored, version, object_.get(),
                                         std::move(outcome->document), outcome->strictness);
    if (!next) {
      const std::string& why = next.error().message();
      if (!operations) return not_applied(why);
      return fail(ErrorCode::kInternal, fmt::format("Internal error occurred: {}", why));
    }
    if (!is_same_object(stored, object_.get(), next->get())) {
      return fail(ErrorCode::kInvalid,
                  "policies must not change the object's name, namespace or uid");
    }
    object_ = *std::move(next);
    request_.object = AdmissionObject(stored, object_.get());
    evaluation.set_object(request_.object.as(version));
    return {};
  }

  AdmissionRequest request_;
  ConstObject object_;
  json::Value name_space_;
};

}  // namespace

Result<ConstObject> MutationAdmission::mutate(const store::Transaction& transaction,
                                              const Subject& subject,
                                              Reinvocation& reinvocation) {
  const AdmissionRequest& request = subject.request;
  // Of what is deleted there is nothing to change.
  if (!is_admitted(request.resource) || request.operation == AdmissionOperation::kDelete || empty())
    return subject.object;
  Failures failures;
  std::vector<Invocation> invocations =
      invocations_of({transaction, request, kinds_}, index_, failures);
  if (!invocations.empty()) {
    MutationRun run(transaction, subject);
    for (Invocation& invocation : invocations)
      INSULA_TRY_VOID(run.invoke(invocation, reinvocation, failures));
    INSULA_TRY_VOID(std::move(failures).verdict());
    return std::move(run).object();
  }
  INSULA_TRY_VOID(std::move(failures).verdict());
  return subject.object;
}

}  // namespace insula::apiserver
