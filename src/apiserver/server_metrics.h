#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "api/custom/kind_catalog.h"
#include "apiserver/audit_policy.h"
#include "apiserver/in_flight.h"
#include "apiserver/request_info.h"
#include "apiserver/request_series.h"
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

/// What the watches of one kind send.
struct WatchSeries {
  Counter& events;
  Histogram& sizes;

  void sent(std::size_t bytes) const {
    events.add();
    sizes.observe(static_cast<double>(bytes));
  }
};

/// Whom kube-apiserver's series of users tell apart.
inline constexpr std::array<std::string_view, 5> kNamedUsers = {
    "admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"};

enum class Authentication : std::uint8_t { kSuccess, kFailure, kError };

/// The server's series, under the names, labels and bounds that kube-apiserver uses.
///
/// Lifetime: registry, `kinds` and clock outlive it. Threads: one loop.
class ServerMetrics {
 public:
  ServerMetrics(MetricsRegistry& registry, api::KindCatalog& kinds, const Clock& clock);

  /// Once for each request, when it is over.
  void record(const FinishedRequest& request);

  /// The body of a request about objects.
  void received(const RequestInfo& info, std::size_t bytes) { requests_.received(info, bytes); }

  /// Requests by how much of them is audited.
  [[nodiscard]] Counter& audited(AuditLevel level);

  /// Watches and other requests without an end of their own that are like this one, now.
  [[nodiscard]] Gauge& long_running(const RequestInfo& info);

  [[nodiscard]] WatchSeries watches(const api::Kind& kind);

  void authenticated(Authentication result) {
    attempts_.at(static_cast<std::size_t>(result))->add();
  }

  /// Who was authenticated; few names are told apart.
  void authenticated_as(std::string_view user);

  void authorized(bool allowed) { decisions_.at(allowed ? 0 : 1)->add(); }

  /// A request that has its seats, until it ends.
  [[nodiscard]] InFlight::Entry in_flight(const RequestInfo& info, SteadyTime now);

 private:
  void note_deprecated(const api::Kind& kind, const RequestInfo& info);

  MetricsRegistry& registry_;
  api::KindCatalog& kinds_;
  RequestSeries requests_;
  std::array<Counter*, 2> decisions_{};
  std::array<Counter*, 3> attempts_;
  /// By kNamedUsers, then those with an address for a name, then all others.
  std::array<Counter*, kNamedUsers.size() + 2> users_;
  InFlight reads_;
  InFlight writes_;
  bool endpoints_noted_ = false;
  MetricsRegistry::Registration collector_;
};

}  // namespace insula::apiserver
