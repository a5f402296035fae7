#pragma once

#include <optional>

#include "apiserver/admission_times.h"
#include "apiserver/mutation_admission.h"
#include "apiserver/policy_admission.h"
#include "apiserver/webhook_admission.h"
#include "base/random.h"
#include "store/store.h"

namespace insula::apiserver {

/// Those who have a say about writes beyond the server's own rules.
///
/// Lifetime: store and catalog outlive it. Threads: the store's loop.
class WriteAdmission {
 public:
  WriteAdmission(store::Store& store, Random& random, api::KindCatalog& kinds)
      : mutations_(store, kinds), policies_(store, kinds), webhooks_(store, random, kinds) {}

  /// Policies that change what is written.
  [[nodiscard]] MutationAdmission& mutations() { return mutations_; }

  [[nodiscard]] PolicyAdmission& policies() { return policies_; }

  [[nodiscard]] WebhookAdmission& webhooks() { return webhooks_; }

  void measure(MetricsRegistry& metrics) {
    webhooks_.measure(metrics);
    times_.emplace(metrics);
  }

  /// Null: nobody wants to know.
  [[nodiscard]] AdmissionTimes* times() { return times_ ? &*times_ : nullptr; }

  /// Whether there is nobody for whom a write may have to begin anew.
  [[nodiscard]] bool writes_at_once() { return webhooks_.index().empty() && mutations_.empty(); }

 private:
  MutationAdmission mutations_;
  PolicyAdmission policies_;
  WebhookAdmission webhooks_;
  std::optional<AdmissionTimes> times_;
};

}  // namespace insula::apiserver
