#pragma once

#include <map>
#include <string>

#include "api/gen/core_v1.h"
#include "api/kind.h"
#include "api/quantity.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// Amounts by quota key: `pods`, `requests.cpu`, `count/deployments.apps`, ...
using Usage = std::map<std::string, api::Quantity>;

/// What an object uses of any quota that applies to it. Pods that have ended use only `count/pods`.
[[nodiscard]] Usage usage_of(const api::Kind& kind, const void* object);

/// What a pod's containers request and limit together: the larger of what runs side by side and
/// what the init containers need at their turn, plus overhead. While they are being resized, the
/// larger of before and after, and the largest of all that their node has not observed yet.
[[nodiscard]] Usage pod_usage(const api::Pod& pod);

/// One write that quotas are charged for.
struct QuotaWrite {
  const api::Kind& kind;
  const void* object = nullptr;  // the new state; null: deleted
  const void* old = nullptr;     // the one before; null: created
  /// It says what is so (a status): it is counted, and refusing it would change nothing.
  bool is_report = false;
};

/// Checks a write against every ResourceQuota of its namespace and charges it, in the transaction
/// that stores it: `object` is the new state (null: deleted), `old` the one before (null: created).
///
/// The check and the write are one step, so racing creates cannot pass together, and nothing is
/// charged for a write that fails afterwards. Errors: kForbidden in Kubernetes' words (`exceeded
/// quota: ...`, `failed quota: ...`). Spec: Kubernetes, "Resource Quotas".
Result<> charge_quota(store::Transaction& transaction, const QuotaWrite& write);

/// Fills the status of a ResourceQuota that is written: hard as asked for, used as counted in its
/// namespace at the pending head. `counts_itself` when the quota is new.
void fill_quota_status(const store::Transaction& transaction,
                       api::ResourceQuota& quota,
                       bool is_new);

}  // namespace insula::apiserver
