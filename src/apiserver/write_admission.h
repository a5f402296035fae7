#pragma once

#include "apiserver/policy_admission.h"
#include "store/store.h"

namespace insula::apiserver {

/// Those who have a say about writes beyond the server's own rules.
///
/// Lifetime: the store outlives it. Threads: the store's loop.
class WriteAdmission {
 public:
  explicit WriteAdmission(store::Store& store) : policies_(store) {}

  [[nodiscard]] PolicyAdmission& policies() { return policies_; }

 private:
  PolicyAdmission policies_;
};

}  // namespace insula::apiserver
