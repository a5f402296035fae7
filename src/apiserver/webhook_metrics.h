#pragma once

#include <chrono>
#include <string_view>

#include "apiserver/admission_request.h"
#include "apiserver/webhook_index.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

/// The series about webhooks, under the names kube-apiserver uses.
class WebhookMetrics {
 public:
  explicit WebhookMetrics(MetricsRegistry& registry) : registry_(registry) {}

  /// Once for each question; `status` is what a refused writer is answered, 200 for one that is
  /// not.
  void record_call(const Webhook& webhook,
                   AdmissionOperation operation,
                   int status,
                   std::chrono::nanoseconds took);
  /// `error` is `no_error` for a refusal that the webhook gave itself.
  void record_rejection(const Webhook& webhook,
                        AdmissionOperation operation,
                        std::string_view error,
                        int status);
  /// A webhook that failed and lets such writes through.
  void record_fail_open(const Webhook& webhook);

 private:
  MetricsRegistry& registry_;
};

}  // namespace insula::apiserver
