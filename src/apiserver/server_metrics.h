#pragma once

#include <string_view>

#include "api/custom/kind_catalog.h"
#include "apiserver/audit_policy.h"
#include "apiserver/request_info.h"
#include "base/clock.h"
#include "store/store.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

/// Raises a gauge for as long as it lives, cancellation included.
class Counted {
 public:
  explicit Counted(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }

  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  ~Counted() { gauge_.add(-1); }

 private:
  Gauge& gauge_;
};

/// Objects by resource and the state of the store, read at each scrape. Lifetime: `store` and
/// `kinds` outlive it.
[[nodiscard]] MetricsRegistry::Registration register_store_metrics(MetricsRegistry& registry,
                                                                   const store::Store& store,
                                                                   api::KindCatalog& kinds);

/// The server's series, under the names kube-apiserver uses. Lifetime: `kinds` outlives it.
class ServerMetrics {
 public:
  ServerMetrics(MetricsRegistry& registry, api::KindCatalog& kinds);

  /// Once for each request, when it is over.
  void record(const RequestInfo& info, int status, std::chrono::nanoseconds took);

  /// Requests by how much of them is audited.
  [[nodiscard]] Counter& audited(AuditLevel level);

  /// Watches and other requests without an end of their own, now.
  Gauge& long_running;

 private:
  MetricsRegistry& registry_;
  api::KindCatalog& kinds_;
};

}  // namespace insula::apiserver
