#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/validation/admission.h"
#include "api/validation/admission_rules.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t kAuditAnnotationsMax = 20;
constexpr std::size_t kAuditExpressionMax = 5'120;

/// Words that CEL keeps for itself.
constexpr std::array kReserved = {
    "true"sv,     "false"sv,   "null"sv,      "in"sv,       "as"sv,  "break"sv,  "const"sv,
    "continue"sv, "else"sv,    "for"sv,       "function"sv, "if"sv,  "import"sv, "let"sv,
    "loop"sv,     "package"sv, "namespace"sv, "return"sv,   "var"sv, "void"sv,   "while"sv};

bool is_identifier(std::string_view name) {
  constexpr std::string_view kFirst = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return kFirst.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(
             "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
             std::string_view::npos &&
         std::ranges::find(kReserved, name) == kReserved.end();
}

void validate_variables(const std::vector<Variable>& variables,
                        const FieldPath& path,
                        FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const FieldPath name = path.index(i).child("name");
    const std::string& text = variables[i].name;
    if (trimmed(text).empty()) {
      errors.required(name, "name is not specified");
    } else if (!is_identifier(text)) {
      errors.invalid(name, text, "must be a valid CEL identifier");
    } else if (!seen.insert(text).second) {
      errors.duplicate(name, text);
    }
    if (trimmed(variables[i].expression).empty())
      errors.required(path.index(i).child("expression"), "expression is not specified");
  }
}

void validate_validation(const Validation& validation, const FieldPath& path, FieldErrors& errors) {
  if (trimmed(validation.expression).empty())
    errors.required(path.child("expression"), "expression is not specified");
  if (!validation.message_expression.empty() && trimmed(validation.message_expression).empty()) {
    errors.invalid(path.child("messageExpression"), validation.message_expression,
                   "must be non-empty if specified");
  }
  const std::string_view message = trimmed(validation.message);
  if (!validation.message.empty() && message.empty()) {
    errors.invalid(path.child("message"), validation.message,
                   "message must be non-empty if specified");
  } else if (message.find_first_of("\r\n") != std::string_view::npos) {
    errors.invalid(path.child("message"), validation.message,
                   "message must not contain line breaks");
  } else if (message.empty() &&
             trimmed(validation.expression).find_first_of("\r\n") != std::string_view::npos) {
    errors.required(path.child("message"),
                    "message must be specified if expression contains line breaks");
  }
  constexpr std::array kReasons = {"Forbidden"sv, "Invalid"sv, "RequestEntityTooLarge"sv,
                                   "Unauthorized"sv};
  const std::string reason = validation.reason.value_or("Invalid");
  if (std::ranges::find(kReasons, reason) == kReasons.end()) {
    errors.not_supported(path.child("reason"), reason,
                         {"Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"});
  }
}

void validate_annotations(const ValidatingAdmissionPolicy& object,
                          const FieldPath& path,
                          FieldErrors& errors) {
  const auto& annotations = object.spec.audit_annotations;
  if (annotations.size() > kAuditAnnotationsMax) {
    errors.invalid(
        path, fmt::format("must not have more than {} auditAnnotations", kAuditAnnotationsMax));
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    const FieldPath key = path.index(i).child("key");
    const std::string name = object.metadata.name + "/" + annotations[i].key;
    errors.invalid_each(key, name, check_qualified_name(name));
    if (!seen.insert(annotations[i].key).second) errors.duplicate(key, annotations[i].key);
    const FieldPath value = path.index(i).child("valueExpression");
    const std::string_view expression = trimmed(annotations[i].value_expression);
    if (expression.empty()) {
      errors.required(value, "valueExpression is not specified");
    } else if (expression.size() > kAuditExpressionMax) {
      errors.required(value,
                      fmt::format("must not exceed {} bytes in length", kAuditExpressionMax));
    }
  }
}

void validate_params(const ParamRef& params, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kExclusive = "name and selector are mutually exclusive";
  if (!params.name.empty()) {
    errors.invalid_each(path.child("name"), params.name, check_path_segment(params.name));
    if (params.selector) errors.forbidden(path.child("name"), kExclusive);
  }
  if (params.selector) {
    validate_label_selector(*params.selector, path.child("selector"), errors);
    if (!params.name.empty()) errors.forbidden(path.child("selector"), kExclusive);
  }
  if (params.name.empty() && !params.selector)
    errors.required(path, "one of name or selector must be specified");
  const std::string action = params.parameter_not_found_action.value_or("");
  const FieldPath at = path.child("parameterNotFoundAction");
  if (action.empty()) {
    errors.required(at);
  } else if (action != "Allow" && action != "Deny") {
    errors.not_supported(at, action, {"Deny", "Allow"});
  }
}

void validate_actions(const std::vector<std::string>& actions,
                      const FieldPath& path,
                      FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (actions[i] != "Audit" && actions[i] != "Deny" && actions[i] != "Warn")
      errors.not_supported(path.index(i), actions[i], {"Audit", "Deny", "Warn"});
    if (!seen.insert(actions[i]).second) errors.duplicate(path.index(i), actions[i]);
  }
  if (seen.contains("Deny") && seen.contains("Warn")) {
    errors.invalid(path, shown_list(actions),
                   "must not contain both Deny and Warn (repeating the same validation failure "
                   "information in the API response and headers serves no purpose)");
  }
  if (actions.empty()) errors.required(path, "at least one validation action is required");
}

/// The kind of a policy's parameters.
void validate_param_kind(const ParamKind& kind, const FieldPath& path, FieldErrors& errors) {
  const FieldPath at = path.child("apiVersion");
  const std::string_view text = kind.api_version;
  const std::size_t slash = text.find('/');
  const std::string_view group = slash == std::string_view::npos ? "" : text.substr(0, slash);
  const std::string_view version = slash == std::string_view::npos ? text : text.substr(slash + 1);
  if (text.empty()) {
    errors.required(at);
  } else if (version.find('/') != std::string_view::npos) {
    errors.invalid(at, text, fmt::format("unexpected GroupVersion string: {}", text));
  } else {
    if (!group.empty()) errors.invalid_each(at, group, check_dns1123_subdomain(group));
    if (version.empty()) {
      errors.invalid(at, text, "version must be specified");
    } else {
      errors.invalid_each(at, version, check_dns1035_label(version));
    }
  }
  if (kind.kind.empty()) return errors.required(path.child("kind"));
  std::string lower = kind.kind;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const Complaints complaints = check_dns1035_label(lower);
  if (complaints.empty()) return;
  errors.invalid(path.child("kind"), kind.kind,
                 fmt::format("may have mixed case, but should otherwise match: {}",
                             fmt::join(complaints, ",")));
}

/// What both sorts of policies say first: what happens on failures, and what they are about.
template <class Spec>
void validate_subject(const Spec& spec, const FieldPath& path, FieldErrors& errors) {
  validate_failure_policy(spec.failure_policy, path.child("failurePolicy"), errors);
  if (spec.param_kind) validate_param_kind(*spec.param_kind, path.child("paramKind"), errors);
  const FieldPath match = path.child("matchConstraints");
  if (!spec.match_constraints) {
    errors.required(match);
  } else {
    validate_match(*spec.match_constraints, match, errors);
    if (spec.match_constraints->resource_rules.empty())
      errors.required(match.child("resourceRules"));
  }
}

/// What both sorts of bindings say first: which policy, its parameters, and where it holds.
template <class Spec>
void validate_bound(const Spec& spec, const FieldPath& path, FieldErrors& errors) {
  const FieldPath name = path.child("policyName");
  if (spec.policy_name.empty()) {
    errors.required(name);
  } else {
    errors.invalid_each(name, spec.policy_name, check_dns1123_subdomain(spec.policy_name));
  }
  if (spec.param_ref) validate_params(*spec.param_ref, path.child("paramRef"), errors);
  if (spec.match_resources)
    validate_match(*spec.match_resources, path.child("matchResources"), errors);
}

/// There is nothing to change in what is deleted.
void validate_no_deletion(const MatchResources& match, const FieldPath& path, FieldErrors& errors) {
  constexpr std::array kOperations = {"*"sv, "CONNECT"sv, "CREATE"sv, "UPDATE"sv};
  for (const NamedRuleWithOperations& rule : match.resource_rules) {
    for (const std::string& operation : rule.rule_with_operations.operations) {
      if (std::ranges::find(kOperations, operation) != kOperations.end()) continue;
      errors.not_supported(path.child("resourceRules").child("operations"), operation,
                           {"*", "CONNECT", "CREATE", "UPDATE"});
    }
  }
}

/// One of the two forms of a mutation, which has to be there if it is the patchType and must not be
/// otherwise.
struct MutationForm {
  std::string_view patch_type;
  const char* member;
  const std::string* expression;  // null: it is not there
};

void validate_mutation_form(const MutationForm& form,
                            std::string_view patch_type,
                            const FieldPath& path,
                            FieldErrors& errors) {
  const FieldPath at = path.child(form.member);
  if (form.patch_type != patch_type) {
    if (form.expression != nullptr) {
      errors.invalid(at, fmt::format("{{{}}}", form.member),
                     fmt::format("must not be specified when patchType is {}", patch_type));
    }
    return;
  }
  if (form.expression == nullptr) {
    errors.required(at, fmt::format("must be specified when patchType is {}", patch_type));
  } else if (trimmed(*form.expression).empty()) {
    errors.required(at.child("expression"));
  }
}

void validate_mutation(const Mutation& mutation, const FieldPath& path, FieldErrors& errors) {
  const std::string& type = mutation.patch_type;
  if (type.empty()) return errors.required(path.child("patchType"));
  if (type != "ApplyConfiguration" && type != "JSONPatch") {
    return errors.not_supported(path.child("patchType"), type, {"ApplyConfiguration", "JSONPatch"});
  }
  const auto& patch = mutation.json_patch;
  const auto& apply = mutation.apply_configuration;
  validate_mutation_form({"JSONPatch", "jsonPatch", patch ? &patch->expression : nullptr}, type,
                         path, errors);
  validate_mutation_form(
      {"ApplyConfiguration", "applyConfiguration", apply ? &apply->expression : nullptr}, type,
      path, errors);
}

}  // namespace

void validate(const ValidatingAdmissionPolicy& object, FieldErrors& errors) {
  const ValidatingAdmissionPolicySpec& spec = object.spec;
  const FieldPath path("spec");
  validate_subject(spec, path, errors);
  validate_match_conditions(spec.match_conditions, path.child("matchConditions"), errors);
  validate_variables(spec.variables, path.child("variables"), errors);
  if (spec.validations.empty() && spec.audit_annotations.empty()) {
    constexpr std::string_view kOneOf =
        "validations or auditAnnotations must contain at least one item";
    errors.required(path.child("validations"), kOneOf);
    errors.required(path.child("auditAnnotations"), kOneOf);
  }
  for (std::size_t i = 0; i < spec.validations.size(); ++i)
    validate_validation(spec.validations[i], path.child("validations").index(i), errors);
  validate_annotations(object, path.child("auditAnnotations"), errors);
}

void validate(const ValidatingAdmissionPolicyBinding& object, FieldErrors& errors) {
  const FieldPath path("spec");
  validate_bound(object.spec, path, errors);
  validate_actions(object.spec.validation_actions, path.child("validationActions"), errors);
}

void validate(const MutatingAdmissionPolicy& object, FieldErrors& errors) {
  const MutatingAdmissionPolicySpec& spec = object.spec;
  const FieldPath path("spec");
  validate_subject(spec, path, errors);
  if (spec.match_constraints)
    validate_no_deletion(*spec.match_constraints, path.child("matchConstraints"), errors);
  validate_match_conditions(spec.match_conditions, path.child("matchConditions"), errors);
  validate_variables(spec.variables, path.child("variables"), errors);
  if (spec.mutations.empty())
    errors.required(path.child("mutations"), "mutations must contain at least one item");
  for (std::size_t i = 0; i < spec.mutations.size(); ++i)
    validate_mutation(spec.mutations[i], path.child("mutations").index(i), errors);
  const FieldPath again = path.child("reinvocationPolicy");
  if (spec.reinvocation_policy.empty()) {
    errors.required(again);
  } else if (spec.reinvocation_policy != "Never" && spec.reinvocation_policy != "IfNeeded") {
    errors.not_supported(again, spec.reinvocation_policy, {"IfNeeded", "Never"});
  }
}

void validate(const MutatingAdmissionPolicyBinding& object, FieldErrors& errors) {
  const FieldPath path("spec");
  validate_bound(object.spec, path, errors);
  if (object.spec.match_resources)
    validate_no_deletion(*object.spec.match_resources, path.child("matchResources"), errors);
}
}  // namespace insula::api
