#pragma once

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
      : policies_(store, kinds), webhooks_(store, random, kinds) {}

  [[nodiscard]] PolicyAdmission& policies() { return policies_; }

  [[nodiscard]] WebhookAdmission& webhooks() { return webhooks_; }

 private:
  PolicyAdmission policies_;
  WebhookAdmission webhooks_;
};

}  // namespace insula::apiserver
