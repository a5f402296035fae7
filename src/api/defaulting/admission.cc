#include "api/defaulting/admission.h"

#include "api/defaulting/set.h"

namespace insula::api {

namespace {

constexpr std::int32_t kTimeoutSeconds = 10;
constexpr std::int32_t kHttpsPort = 443;

/// An empty selector, which everything meets, where there is none.
void select_all_if_absent(Box<LabelSelector>& selector) {
  if (!selector) selector.emplace();
}

template <class Webhook>
void set_webhook_defaults(Webhook& webhook) {
  set_if_absent(webhook.failure_policy, "Fail");
  set_if_absent(webhook.match_policy, "Equivalent");
  select_all_if_absent(webhook.namespace_selector);
  select_all_if_absent(webhook.object_selector);
  set_if_absent(webhook.timeout_seconds, kTimeoutSeconds);
  for (RuleWithOperations& rule : webhook.rules)
    set_if_absent(rule.rule.scope, "*");
  if (webhook.client_config.service) set_if_absent(webhook.client_config.service->port, kHttpsPort);
}

void set_match_defaults(MatchResources& match) {
  set_if_absent(match.match_policy, "Equivalent");
  select_all_if_absent(match.namespace_selector);
  select_all_if_absent(match.object_selector);
  for (auto* rules : {&match.resource_rules, &match.exclude_resource_rules}) {
    for (NamedRuleWithOperations& rule : *rules)
      set_if_absent(rule.rule_with_operations.rule.scope, "*");
  }
}

}  // namespace

void set_defaults(MutatingWebhookConfiguration& object) {
  for (MutatingWebhook& webhook : object.webhooks) {
    set_webhook_defaults(webhook);
    set_if_absent(webhook.reinvocation_policy, "Never");
  }
}

void set_defaults(ValidatingWebhookConfiguration& object) {
  for (ValidatingWebhook& webhook : object.webhooks)
    set_webhook_defaults(webhook);
}

void set_defaults(ValidatingAdmissionPolicy& object) {
  set_if_absent(object.spec.failure_policy, "Fail");
  if (object.spec.match_constraints) set_match_defaults(*object.spec.match_constraints);
}

void set_defaults(ValidatingAdmissionPolicyBinding& object) {
  if (object.spec.match_resources) set_match_defaults(*object.spec.match_resources);
}

void set_defaults(MutatingAdmissionPolicy& object) {
  set_if_absent(object.spec.failure_policy, "Fail");
  if (object.spec.match_constraints) set_match_defaults(*object.spec.match_constraints);
}

void set_defaults(MutatingAdmissionPolicyBinding& object) {
  if (object.spec.match_resources) set_match_defaults(*object.spec.match_resources);
}

}  // namespace insula::api
