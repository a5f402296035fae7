#include "api/validation/admission.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMatchConditionsMax = 64;
constexpr std::size_t kAuditAnnotationsMax = 20;
constexpr std::size_t kAuditExpressionMax = 5'120;
constexpr std::int32_t kTimeoutMax = 30;
constexpr std::string_view kUrlForm = "; desired format: https://host[/path]";

/// Words that CEL keeps for itself.
constexpr std::array kReserved = {
    "true"sv,     "false"sv,   "null"sv,      "in"sv,       "as"sv,  "break"sv,  "const"sv,
    "continue"sv, "else"sv,    "for"sv,       "function"sv, "if"sv,  "import"sv, "let"sv,
    "loop"sv,     "package"sv, "namespace"sv, "return"sv,   "var"sv, "void"sv,   "while"sv};

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
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

/// A domain of at least three labels.
void validate_full_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.empty()) return errors.required(path);
  const Complaints complaints = check_dns1123_subdomain(name);
  errors.invalid_each(path, name, complaints);
  if (complaints.empty() && std::ranges::count(name, '.') < 2)
    errors.invalid(path, name, "should be a domain with at least three segments separated by dots");
}

void validate_url(const std::string& url, const FieldPath& path, FieldErrors& errors) {
  const auto refuse = [&](std::string_view shown, std::string_view why) {
    errors.invalid(path, shown, fmt::format("{}{}", why, kUrlForm));
  };
  const std::size_t colon = url.find("://");
  const std::string_view scheme =
      colon == std::string::npos ? std::string_view() : std::string_view(url).substr(0, colon);
  if (scheme != "https") refuse(scheme, "'https' is the only allowed URL scheme");
  const std::string_view rest =
      std::string_view(url).substr(colon == std::string::npos ? 0 : colon + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t user = authority.rfind('@');
  const std::string_view host =
      user == std::string_view::npos ? authority : authority.substr(user + 1);
  if (host.empty()) refuse(host, "host must be specified");
  if (user != std::string_view::npos)
    refuse(authority.substr(0, user), "user information is not permitted in the URL");
  const std::size_t fragment = rest.find('#');
  if (fragment != std::string_view::npos)
    refuse(rest.substr(fragment + 1), "fragments are not permitted in the URL");
  const std::size_t query = rest.substr(0, fragment).find('?');
  if (query != std::string_view::npos)
    refuse(rest.substr(0, fragment).substr(query + 1),
           "query parameters are not permitted in the URL");
}

void validate_service(const ServiceReference& service, const FieldPath& path, FieldErrors& errors) {
  if (service.name.empty()) errors.required(path.child("name"), "service name is required");
  if (service.namespace_.empty())
    errors.required(path.child("namespace"), "service namespace is required");
  const std::int32_t port = service.port.value_or(1);
  if (!check_port_number(port).empty()) {
    errors.invalid(path.child("port"), port,
                   "port is not valid: must be between 1 and 65535, inclusive");
  }
  if (!service.path || service.path->empty()) return;
  const FieldPath at = path.child("path");
  const std::string& text = *service.path;
  if (!text.starts_with('/')) return errors.invalid(at, text, "must start with a '/'");
  if (text.size() > 1 && text.find("//") != std::string::npos)
    errors.invalid(at, text, "segment[0] may not be empty");
  if (text.find_first_of("?# ") != std::string::npos)
    errors.invalid(at, text, "must be a path without query and fragment");
}

void validate_client(const WebhookClientConfig& client,
                     const FieldPath& path,
                     FieldErrors& errors) {
  if (client.url.has_value() == client.service.has_value())
    return errors.required(path, "exactly one of url or service is required");
  if (client.url) validate_url(*client.url, path.child("url"), errors);
  if (client.service) validate_service(*client.service, path.child("service"), errors);
}

/// Of the versions of AdmissionReview this server speaks v1.
void validate_review_versions(const std::vector<std::string>& versions,
                              const FieldPath& path,
                              FieldErrors& errors) {
  if (versions.empty()) return errors.required(path, "must specify one of v1");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (!seen.insert(versions[i]).second)
      errors.invalid(path.index(i), versions[i], "duplicate version");
  }
  if (!has(versions, "v1"))
    errors.invalid(path, shown_list(versions), "must include at least one of v1");
}

template <class Webhook>
void validate_webhook(const Webhook& webhook, const FieldPath& path, FieldErrors& errors) {
  validate_full_name(webhook.name, path.child("name"), errors);
  for (std::size_t i = 0; i < webhook.rules.size(); ++i)
    validate_rule(webhook.rules[i], path.child("rules").index(i), errors);
  validate_failure_policy(webhook.failure_policy, path.child("failurePolicy"), errors);
  validate_match_policy(webhook.match_policy, path.child("matchPolicy"), errors);
  const FieldPath effects = path.child("sideEffects");
  if (!webhook.side_effects) {
    errors.required(effects, "must specify one of None, NoneOnDryRun");
  } else if (*webhook.side_effects != "None" && *webhook.side_effects != "NoneOnDryRun") {
    errors.not_supported(effects, *webhook.side_effects, {"None", "NoneOnDryRun"});
  }
  const std::int32_t timeout = webhook.timeout_seconds.value_or(1);
  if (timeout < 1 || timeout > kTimeoutMax) {
    errors.invalid(path.child("timeoutSeconds"), timeout,
                   "the timeout value must be between 1 and 30 seconds");
  }
  if (webhook.namespace_selector)
    validate_label_selector(*webhook.namespace_selector, path.child("namespaceSelector"), errors);
  if (webhook.object_selector)
    validate_label_selector(*webhook.object_selector, path.child("objectSelector"), errors);
  validate_client(webhook.client_config, path.child("clientConfig"), errors);
  validate_match_conditions(webhook.match_conditions, path.child("matchConditions"), errors);
  validate_review_versions(webhook.admission_review_versions, path.child("admissionReviewVersions"),
                           errors);
}

template <class Webhook>
void validate_webhooks(const std::vector<Webhook>& webhooks, FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    const FieldPath path = FieldPath("webhooks").index(i);
    validate_webhook(webhooks[i], path, errors);
    const std::string& name = webhooks[i].name;
    if (!name.empty() && !seen.insert(name).second) errors.duplicate(path.child("name"), name);
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
      errors.invalid(name, text, "name is not a valid CEL identifier");
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

}  // namespace

void validate(const MutatingWebhookConfiguration& object, FieldErrors& errors) {
  validate_webhooks(object.webhooks, errors);
  for (std::size_t i = 0; i < object.webhooks.size(); ++i) {
    const std::string policy = object.webhooks[i].reinvocation_policy.value_or("Never");
    if (policy != "Never" && policy != "IfNeeded") {
      errors.not_supported(FieldPath("webhooks").index(i).child("reinvocationPolicy"), policy,
                           {"IfNeeded", "Never"});
    }
  }
}

void validate(const ValidatingWebhookConfiguration& object, FieldErrors& errors) {
  validate_webhooks(object.webhooks, errors);
}

void validate(const ValidatingAdmissionPolicy& object, FieldErrors& errors) {
  const ValidatingAdmissionPolicySpec& spec = object.spec;
  const FieldPath path("spec");
  validate_failure_policy(spec.failure_policy, path.child("failurePolicy"), errors);
  if (spec.param_kind) {
    const FieldPath kind = path.child("paramKind");
    if (spec.param_kind->api_version.empty()) errors.required(kind.child("apiVersion"));
    if (spec.param_kind->kind.empty()) errors.required(kind.child("kind"));
  }
  const FieldPath match = path.child("matchConstraints");
  if (!spec.match_constraints) {
    errors.required(match);
  } else {
    validate_match(*spec.match_constraints, match, errors);
    if (spec.match_constraints->resource_rules.empty())
      errors.required(match.child("resourceRules"));
  }
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
  const ValidatingAdmissionPolicyBindingSpec& spec = object.spec;
  const FieldPath path("spec");
  const FieldPath name = path.child("policyName");
  if (spec.policy_name.empty()) {
    errors.required(name);
  } else {
    errors.invalid_each(name, spec.policy_name, check_dns1123_subdomain(spec.policy_name));
  }
  if (spec.param_ref) validate_params(*spec.param_ref, path.child("paramRef"), errors);
  if (spec.match_resources)
    validate_match(*spec.match_resources, path.child("matchResources"), errors);
  validate_actions(spec.validation_actions, path.child("validationActions"), errors);
}

}  // namespace insula::api
