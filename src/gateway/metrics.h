#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/limits.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// The series of one tenant. Members are the registry's and live as long as it.
struct TenantMetrics {
  static constexpr std::array<int, 14> kStatuses = {200, 204, 400, 401, 403, 404, 413,
                                                    429, 431, 499, 500, 502, 503, 504};

  /// In the order of kStatuses, and at last those of every other status.
  std::array<Counter*, kStatuses.size() + 1> requests{};
  Counter* prompt_tokens = nullptr;
  Counter* completion_tokens = nullptr;
  Counter* cached_tokens = nullptr;
  Counter* reasoning_tokens = nullptr;
  Counter* cost = nullptr;
  PerScope<std::array<Counter*, 4>> rate_limited;  // by LimitKind
  Counter* streams_ended = nullptr;
  Counter* preflights_allowed = nullptr;
  Counter* preflights_refused = nullptr;
  Counter* filter_refused = nullptr;
  Counter* mirrored_answered = nullptr;
  Counter* mirrored_failed = nullptr;
  Counter* mirrored_left_out = nullptr;
  Gauge* queued = nullptr;
  Histogram* queue_time = nullptr;
  std::array<Counter*, 3> queue_refused{};  // the tenant's queue full, all full, waited too long
  Counter* retries = nullptr;
  Counter* retries_refused = nullptr;
  Counter* ejections = nullptr;
  Counter* fallbacks = nullptr;
  Counter* connect_errors = nullptr;
  Counter* lost_errors = nullptr;
  Counter* timeout_errors = nullptr;
  Counter* protocol_errors = nullptr;
  Counter* provider_errors = nullptr;
  Counter* tunnel_bytes_up = nullptr;
  Counter* tunnel_bytes_down = nullptr;
  Gauge* tunnels = nullptr;
  Gauge* in_flight = nullptr;
  Histogram* duration = nullptr;

  void count(int status) const {
    for (std::size_t i = 0; i < kStatuses.size(); ++i) {
      if (kStatuses[i] == status) return requests[i]->add();
    }
    requests.back()->add();
  }
};

/// Series of a tenant, all at zero. `tenant` is `none` for requests that no tenant owns.
[[nodiscard]] TenantMetrics make_tenant_metrics(MetricsRegistry& registry, std::string_view tenant);

/// The series that belong to no tenant.
struct GatewayMetrics {
  explicit GatewayMetrics(MetricsRegistry& registry);

  TenantMetrics nobody;
  Counter& connections;
  Gauge& open_connections;
  Counter& ended_connections;
  Counter& snapshots;
  Gauge& snapshot_tenants;
  Counter& damaged_files;
  Counter& records_dropped;
  Counter& records_damaged;
  Counter& requests_unnoted;
  Counter& requests_cut_off;
};

}  // namespace insula::gateway
