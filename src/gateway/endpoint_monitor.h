#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/loop.h"
#include "async/task.h"
#include "async/task_group.h"
#include "gateway/backend.h"
#include "gateway/snapshot.h"
#include "http/client.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// Asks endpoints how they are, beside the requests: reads the metrics of those whose prompts are
/// routed by their caches, and probes those whose model has a health check. Providers are asked
/// nothing.
///
/// What it finds is in the Endpoint, where loops read it.
///
/// Lifetime: loop, registry and log sink outlive it. Threads: the loop's.
class EndpointMonitor {
 public:
  static constexpr std::chrono::seconds kScrapeInterval{1};
  static constexpr std::chrono::seconds kScrapeTime{1};
  static constexpr std::size_t kMetricsBytesMax = std::size_t{1} << 20U;
  /// Endpoints that are followed; further ones are not asked.
  static constexpr std::size_t kEndpointsMax = 4096;

  EndpointMonitor(Loop& loop, MetricsRegistry& registry, Log log);
  EndpointMonitor(const EndpointMonitor&) = delete;
  EndpointMonitor& operator=(const EndpointMonitor&) = delete;
  ~EndpointMonitor();

  /// Follows what the snapshot has and nothing else.
  void follow(const Snapshot& snapshot);

 private:
  /// What is asked of an endpoint.
  struct Wanted {
    std::shared_ptr<Endpoint> endpoint;
    std::string host;
    bool metrics = false;
    std::optional<HealthCheckConfig> check = std::nullopt;
  };

  class Followed;

  struct Results {
    Counter& scrapes_failed;
    Counter& checks_passed;
    Counter& checks_failed;
  };

  static Results register_results(MetricsRegistry& registry);
  static void add(const ModelRoute& model, std::map<const Endpoint*, Wanted>& wanted);

  Loop& loop_;
  Log log_;
  Results results_;
  http::Client client_;
  bool said_too_many_ = false;
  std::map<const Endpoint*, std::unique_ptr<Followed>> followed_;
};

}  // namespace insula::gateway
