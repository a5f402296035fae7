#include "apiserver/policy_admission.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/gen/meta_v1.h"
#include "api/invalid.h"
#include "apiserver/admission_match.h"
#include "apiserver/policy_scope.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kMessageBytesMax = 5'120;
/// Of a note for the audit log.
constexpr std::size_t kNoteBytesMax = std::size_t{10} * 1024;
constexpr const char* kFailureKey = "validation.policy.admission.k8s.io/validation_failure";

/// A validation that did not hold, or could not be evaluated.
struct Failure {
  std::string message;
  std::string reason;
  std::size_t index = 0;  // of the validation
};

/// Notes for the audit log: what each key has been given, each value once.
using Notes = std::map<std::string, std::vector<std::string>>;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

ErrorCode code_of(std::string_view reason) {
  if (reason == "Forbidden") return ErrorCode::kForbidden;
  if (reason == "Unauthorized") return ErrorCode::kUnauthenticated;
  if (reason == "RequestEntityTooLarge") return ErrorCode::kTooLarge;
  return ErrorCode::kInvalid;
}

/// One policy on one request.
class PolicyRun {
 public:
  PolicyRun(const PolicyScope& scope, const ValidatingPolicy& policy)
      : scope_(scope),
        policy_(policy),
        fails_(policy.object->spec.failure_policy.value_or("Fail") == "Fail") {}

  /// What the binding finds wrong, and what it notes.
  std::vector<Failure> run(const api::ValidatingAdmissionPolicyBinding& binding,
                           const api::Kind& version,
                           Notes& notes) {
    std::vector<Failure> failures;
    Result<std::vector<json::Value>> params =
        scope_.params(policy_.object->spec.param_kind, binding.spec.param_ref);
    if (!params) {
      fail_with(fmt::format("failed to configure binding: {}", params.error().message()), failures);
      return failures;
    }
    for (json::Value& each : *params) {
      AdmissionEvaluation evaluation(scope_.request, version,
                                     namespace_of(scope_.transaction, scope_.request),
                                     &policy_.variables);
      evaluation.set_params(std::move(each));
      evaluate(evaluation, failures, notes);
    }
    return failures;
  }

 private:
  /// What could not be evaluated counts unless the policy says that it does not.
  void fail_with(std::string message, std::vector<Failure>& failures) const {
    if (fails_) failures.push_back({std::move(message), "", 0});
  }

  void evaluate(AdmissionEvaluation& evaluation,
                std::vector<Failure>& failures,
                Notes& notes) const {
    const Result<bool> matches = evaluation.all_true(policy_.conditions);
    if (!matches) return fail_with(matches.error().message(), failures);
    if (!*matches) return;
    for (std::size_t i = 0; i < policy_.checks.size(); ++i) {
      const ValidatingPolicy::Check& check = policy_.checks[i];
      const Result<cel::Value> value = evaluation.evaluate(check.expression);
      if (!value) {
        fail_with(value.error().message(), failures);
      } else if (!value->is_true()) {
        const api::Validation& validation = policy_.object->spec.validations[i];
        failures.push_back(
            {message_of(evaluation, check, validation), validation.reason.value_or(""), i});
      }
    }
    take_notes(evaluation, failures, notes);
  }

  void take_notes(AdmissionEvaluation& evaluation,
                  std::vector<Failure>& failures,
                  Notes& notes) const {
    for (std::size_t i = 0; i < policy_.notes.size(); ++i) {
      const Result<cel::Value> value = evaluation.evaluate(policy_.notes[i]);
      if (!value) {
        fail_with(value.error().message(), failures);
        continue;
      }
      if (value->kind() != cel::Type::Kind::kString) continue;
      const std::string_view text = trimmed(value->text()).substr(0, kNoteBytesMax);
      if (text.empty()) continue;
      const std::string& key = policy_.object->spec.audit_annotations[i].key;
      std::vector<std::string>& values =
          notes[fmt::format("{}/{}", policy_.object->metadata.name, key)];
      if (std::ranges::find(values, text) == values.end()) values.emplace_back(text);
    }
  }

  static std::string message_of(AdmissionEvaluation& evaluation,
                                const ValidatingPolicy::Check& check,
                                const api::Validation& validation) {
    if (check.message) {
      const Result<cel::Value> value = evaluation.evaluate(*check.message);
      if (value && value->kind() == cel::Type::Kind::kString) {
        const std::string_view text = trimmed(value->text());
        const bool usable = !text.empty() && text.size() <= kMessageBytesMax &&
                            text.find_first_of("\r\n") == std::string_view::npos;
        if (usable) return std::string(text);
      }
    }
    if (!trimmed(validation.message).empty()) return std::string(trimmed(validation.message));
    return fmt::format("failed expression: {}", trimmed(validation.expression));
  }

  const PolicyScope& scope_;
  const ValidatingPolicy& policy_;
  bool fails_;
};

std::unexpected<Error> denied(const AdmissionRequest& request,
                              const std::string& policy,
                              const std::string& binding,
                              const Failure& failure) {
  std::string message =
      fmt::format("ValidatingAdmissionPolicy '{}' with binding '{}' denied request: {}", policy,
                  binding, failure.message);
  Error error(code_of(failure.reason),
              fmt::format("{} \"{}\" is forbidden: {}", request.resource.group_resource(),
                          request.name, message));
  return std::unexpected(std::move(error).with_causes({{"", "", failure.message}}));
}

bool has(const std::vector<std::string>& actions, std::string_view action) {
  return std::ranges::find(actions, action) != actions.end();
}

/// A failure as the audit log has it. Spec: Kubernetes, "Validating Admission Policy", "Audit".
json::Value audited(const std::string& policy,
                    const api::ValidatingAdmissionPolicyBinding& binding,
                    const Failure& failure) {
  json::Array actions;
  for (const std::string& action : binding.spec.validation_actions)
    actions.emplace_back(action);
  return json::Object{{"message", failure.message},
                      {"policy", policy},
                      {"binding", binding.metadata.name},
                      {"expressionIndex", failure.index},
                      {"validationActions", std::move(actions)}};
}

/// Where a run puts what is no refusal.
struct Findings {
  const AdmissionRemarks& remarks;
  Notes& notes;
  json::Array& failures;  // of bindings with the action Audit
};

/// Does what the binding wants of a failure; true when that is to deny.
bool note(const std::string& policy,
          const api::ValidatingAdmissionPolicyBinding& binding,
          const Failure& failure,
          const Findings& findings) {
  const std::vector<std::string>& actions = binding.spec.validation_actions;
  if (has(actions, "Audit")) findings.failures.push_back(audited(policy, binding, failure));
  if (has(actions, "Deny")) return true;
  if (has(actions, "Warn")) {
    findings.remarks.warn(
        fmt::format("Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                    policy, binding.metadata.name, failure.message));
  }
  return false;
}

/// Evaluates the policies in force. Errors: of the first failure that denies.
Result<> run_all(const PolicyScope& scope,
                 const Findings& findings,
                 PolicyIndex<ValidatingPolicy>& index) {
  for (const auto& policy : index.in_force()) {
    const api::ValidatingAdmissionPolicy& object = *policy.compiled->object;
    PolicyRun run(scope, *policy.compiled);
    for (const auto& [key, binding] : *policy.bindings) {
      const api::Kind* version =
          scope.version(object.spec.match_constraints, binding->spec.match_resources);
      if (version == nullptr) continue;
      for (const Failure& failure : run.run(*binding, *version, findings.notes)) {
        if (note(object.metadata.name, *binding, failure, findings))
          return denied(scope.request, object.metadata.name, binding->metadata.name, failure);
      }
    }
  }
  return {};
}

template <class Policy>
void compile_policy(const void* object, api::FieldErrors& errors) {
  using Object = typename Policy::Object;
  const auto& policy = *static_cast<const Object*>(object);
  (void)Policy::compile(std::make_shared<Object>(policy), errors);
}

template <class Configuration>
void compile_webhooks(const Configuration& configuration, api::FieldErrors& errors) {
  for (std::size_t i = 0; i < configuration.webhooks.size(); ++i) {
    AdmissionCompiler compiler(false, errors);
    (void)compile_conditions(configuration.webhooks[i].match_conditions,
                             api::FieldPath("webhooks").index(i).child("matchConditions"),
                             compiler);
  }
}

}  // namespace

Result<> PolicyAdmission::validate(const store::Transaction& transaction,
                                   const AdmissionRequest& request,
                                   const AdmissionRemarks& remarks) {
  if (!is_admitted(request.resource)) return {};
  Notes notes;
  json::Array failures;
  const Result<> outcome =
      run_all({transaction, request, kinds_}, {remarks, notes, failures}, index_);
  for (const auto& [key, values] : notes)
    remarks.annotate(key, fmt::format("{}", fmt::join(values, ", ")));
  if (!failures.empty()) remarks.annotate(kFailureKey, json::write(std::move(failures)));
  return outcome;
}

Result<> check_expressions(const api::Kind& kind, const void* object) {
  api::FieldErrors errors;
  if (&kind == &api::kind_of<api::ValidatingAdmissionPolicy>()) {
    compile_policy<ValidatingPolicy>(object, errors);
  } else if (&kind == &api::kind_of<api::MutatingAdmissionPolicy>()) {
    compile_policy<MutatingPolicy>(object, errors);
  } else if (&kind == &api::kind_of<api::MutatingWebhookConfiguration>()) {
    compile_webhooks(*static_cast<const api::MutatingWebhookConfiguration*>(object), errors);
  } else if (&kind == &api::kind_of<api::ValidatingWebhookConfiguration>()) {
    compile_webhooks(*static_cast<const api::ValidatingWebhookConfiguration*>(object), errors);
  }
  if (errors.empty()) return {};
  return std::unexpected(
      api::invalid(kind.kind, kind.group, kind.metadata(object).name, std::move(errors).take()));
}

}  // namespace insula::apiserver
