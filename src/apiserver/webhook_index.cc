#include "apiserver/webhook_index.h"

#include "api/validation/metadata.h"
#include "apiserver/admission_match.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

constexpr std::int32_t kTimeoutSeconds = 10;

bool again_if_changed(const api::MutatingWebhook& webhook) {
  return webhook.reinvocation_policy.value_or("Never") == "IfNeeded";
}

bool again_if_changed(const api::ValidatingWebhook&) {
  return false;
}

template <class Stored>
WebhookPtr made_of(const Stored& stored, const std::string& configuration, bool mutating) {
  auto out = std::make_shared<Webhook>();
  out->mutating = mutating;
  out->configuration = configuration;
  out->name = stored.name;
  out->client = stored.client_config;
  for (const api::RuleWithOperations& rule : stored.rules)
    out->rules.emplace_back().rule_with_operations = rule;
  out->namespaces = stored.namespace_selector;
  out->objects = stored.object_selector;
  out->equivalent = stored.match_policy.value_or("Equivalent") != "Exact";
  out->ignores_failure = stored.failure_policy.value_or("Fail") == "Ignore";
  out->again_if_changed = again_if_changed(stored);
  out->timeout = std::chrono::seconds(stored.timeout_seconds.value_or(kTimeoutSeconds));
  // They were compiled when the configuration was written.
  api::FieldErrors errors;
  AdmissionCompiler compiler(false, errors);
  out->conditions =
      compile_conditions(stored.match_conditions, api::FieldPath("matchConditions"), compiler);
  return out;
}

template <class Configuration>
std::vector<WebhookPtr> webhooks_of(const store::Entry& entry, bool mutating) {
  std::vector<WebhookPtr> out;
  const auto configuration = object_of<Configuration>(entry);
  for (const auto& stored : configuration->webhooks)
    out.push_back(made_of(stored, configuration->metadata.name, mutating));
  return out;
}

}  // namespace

WebhookIndex::WebhookIndex(store::Store& store, api::KindCatalog& kinds)
    : kinds_(kinds),
      mirror_(store,
              {&api::kind_of<api::MutatingWebhookConfiguration>(),
               &api::kind_of<api::ValidatingWebhookConfiguration>()},
              *this) {}

std::vector<WebhookCall> WebhookIndex::find(const store::Transaction& transaction,
                                            const AdmissionRequest& request,
                                            bool mutating) {
  std::vector<WebhookCall> out;
  if (!is_admitted(request.resource)) return out;
  mirror_.refresh();
  for (const auto& [key, webhooks] : by_configuration_) {
    for (const WebhookPtr& webhook : webhooks) {
      if (webhook->mutating != mutating || webhook->rules.empty()) continue;
      // Labels of the object may change while webhooks are asked.
      const AdmissionMatch match{
          .rules = &webhook->rules,
          .namespaces = webhook->namespaces ? &*webhook->namespaces : nullptr,
          .equivalent = webhook->equivalent};
      if (const api::Kind* version = match.find(transaction, request, kinds_))
        out.push_back({webhook, version});
    }
  }
  return out;
}

bool WebhookIndex::empty() {
  mirror_.refresh();
  return by_configuration_.empty();
}

void WebhookIndex::apply(const api::Kind& kind, const store::Entry& entry) {
  if (entry.deleted) {
    by_configuration_.erase(entry.key);
    return;
  }
  const bool mutating = &kind == &api::kind_of<api::MutatingWebhookConfiguration>();
  by_configuration_[entry.key] =
      mutating ? webhooks_of<api::MutatingWebhookConfiguration>(entry, true)
               : webhooks_of<api::ValidatingWebhookConfiguration>(entry, false);
}

Result<bool> wants(const WebhookCall& call,
                   const AdmissionRequest& request,
                   const json::Value& name_space) {
  const Webhook& webhook = *call.webhook;
  if (webhook.objects && !api::is_empty(*webhook.objects)) {
    const auto fits = [&](const AdmissionObject& object) {
      return !object.is_null() && api::matches(*webhook.objects, object.labels());
    };
    if (!fits(request.object) && !fits(request.old)) return false;
  }
  if (webhook.conditions.empty()) return true;
  AdmissionEvaluation evaluation(request, *call.version, name_space, nullptr);
  Result<bool> all = evaluation.all_true(webhook.conditions);
  if (all || !webhook.ignores_failure) return all;
  return false;
}

}  // namespace insula::apiserver
