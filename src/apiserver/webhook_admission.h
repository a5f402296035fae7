#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apiserver/admission_remarks.h"
#include "apiserver/admission_request.h"
#include "apiserver/object.h"
#include "apiserver/reinvocation.h"
#include "apiserver/webhook_client.h"
#include "apiserver/webhook_index.h"
#include "apiserver/webhook_metrics.h"
#include "async/task.h"
#include "base/error.h"
#include "base/random.h"
#include "json/value.h"
#include "store/store.h"

namespace insula::apiserver {

/// What webhooks are to be asked about: a request, and what keeps its objects alive.
struct WebhookQuestion {
  AdmissionRequest request;
  ConstObject object;
  ConstObject old;
  /// The object's namespace as JSON, for conditions.
  json::Value name_space;
  std::vector<WebhookCall> calls;
  /// Whether the webhooks may change the object.
  bool may_patch = false;
  /// Each warning is told once.
  AdmissionRemarks remarks = {};
};

/// Asks webhooks whether a write may be done.
///
/// One that cannot be asked refuses it, or counts for nothing, as its failurePolicy says.
/// Lifetime: store and catalog outlive it, it outlives its tasks. Threads: the store's loop.
/// Spec: Kubernetes, "Dynamic Admission Control"; admission.k8s.io/v1 AdmissionReview.
class WebhookAdmission {
 public:
  WebhookAdmission(store::Store& store, Random& random, api::KindCatalog& kinds)
      : index_(store, kinds), client_(store), random_(random) {}

  void measure(MetricsRegistry& metrics) { metrics_.emplace(metrics); }

  [[nodiscard]] WebhookIndex& index() { return index_; }

  /// Asks those who are to be asked now, one after the other; each sees what those before it made
  /// of the object. Returns the object as the last leaves it: of the stored kind, and a new one if
  /// any has changed it. Errors: in Kubernetes' words.
  Task<Result<ConstObject>> mutate(WebhookQuestion& question, Reinvocation& reinvocation);

  /// Asks all at once. Errors: as mutate(); of the first one in their order that refuses.
  Task<Result<>> validate(const WebhookQuestion& question);

 private:
  /// What a webhook has answered; no patch also when it was not to be asked.
  struct Verdict {
    bool asked = false;
    std::optional<json::Value> patch;
    std::vector<std::string> warnings;
  };

  Task<Result<Verdict>> ask(const WebhookQuestion& question, WebhookCall call);
  Task<Result<Verdict>> call(const WebhookQuestion& question, WebhookCall call);

  WebhookIndex index_;
  WebhookClient client_;
  Random& random_;
  std::optional<WebhookMetrics> metrics_;
};

}  // namespace insula::apiserver
