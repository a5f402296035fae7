#include "apiserver/webhook_metrics.h"

#include <string>

namespace insula::apiserver {

namespace {

std::string type_of(const Webhook& webhook) {
  return webhook.mutating ? "admit" : "validating";
}

}  // namespace

void WebhookMetrics::record_call(const Webhook& webhook,
                                 AdmissionOperation operation,
                                 int status,
                                 std::chrono::nanoseconds took) {
  const std::string rejected = status >= 400 ? "true" : "false";
  const std::string done(text_of(operation));
  registry_
      .counter("apiserver_admission_webhook_request_total",
               "Questions to webhooks by what their writers were answered; a code of 500 is a "
               "webhook that failed.",
               {{"name", webhook.name},
                {"type", type_of(webhook)},
                {"operation", done},
                {"code", std::to_string(status)},
                {"rejected", rejected}})
      .add();
  registry_
      .histogram("apiserver_admission_webhook_admission_duration_seconds",
                 "Time that a webhook takes for its answer, for which the write waits; when it "
                 "grows, look at the webhook.",
                 latency_bounds(),
                 {{"name", webhook.name},
                  {"type", type_of(webhook)},
                  {"operation", done},
                  {"rejected", rejected}})
      .observe(std::chrono::duration<double>(took).count());
}

void WebhookMetrics::record_rejection(const Webhook& webhook,
                                      AdmissionOperation operation,
                                      std::string_view error,
                                      int status) {
  registry_
      .counter("apiserver_admission_webhook_rejection_count",
               "Writes refused on behalf of webhooks; with error_type calling_webhook_error "
               "because one could not be asked.",
               {{"name", webhook.name},
                {"type", type_of(webhook)},
                {"operation", std::string(text_of(operation))},
                {"error_type", std::string(error)},
                {"rejection_code", std::to_string(status)}})
      .add();
}

void WebhookMetrics::record_fail_open(const Webhook& webhook) {
  registry_
      .counter("apiserver_admission_webhook_fail_open_count",
               "Writes that went on although a webhook with failurePolicy Ignore could not be "
               "asked.",
               {{"name", webhook.name}, {"type", type_of(webhook)}})
      .add();
}

}  // namespace insula::apiserver
