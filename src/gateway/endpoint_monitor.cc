#include "gateway/endpoint_monitor.h"

#include <utility>

#include "async/deadline.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kMetricsPath = "/metrics";

bool is_success(int status) {
  return status >= 200 && status < 400;
}

}  // namespace

/// One endpoint and the tasks that ask it.
class EndpointMonitor::Followed {
 public:
  Followed(EndpointMonitor& owner, Wanted wanted) : owner_(owner), wanted_(std::move(wanted)) {
    if (wanted_.metrics) tasks_.spawn(read_metrics());
    if (wanted_.check) tasks_.spawn(check_health());
  }

  [[nodiscard]] bool is_for(const Wanted& wanted) const {
    return wanted_.metrics == wanted.metrics && wanted_.check == wanted.check &&
           wanted_.host == wanted.host;
  }

 private:
  Task<Result<http::Response>> get(std::string path, std::chrono::nanoseconds patience) {
    http::Request request{.method = "GET", .target = std::move(path)};
    request.headers.add("User-Agent", "insula");
    co_return co_await owner_.client_.send({wanted_.endpoint->address, wanted_.host, false},
                                           std::move(request), owner_.loop_.now() + patience);
  }

  Task<> read_metrics() {
    for (;;) {
      const auto response = co_await get(std::string(kMetricsPath), kScrapeTime);
      const auto load = response && response->status == 200 ? parse_server_load(response->body)
                                                            : std::optional<ServerLoad>();
      if (!load) owner_.results_.scrapes_failed.add();
      // An old load would keep requests away, or lead them here, for no reason.
      wanted_.endpoint->load.set(load.value_or(ServerLoad{}));
      co_await sleep_for(kScrapeInterval);
    }
  }

  Task<> check_health() {
    const HealthCheckConfig check = *wanted_.check;
    for (;;) {
      const auto response = co_await get(check.path, check.timeout);
      take(check, response && is_success(response->status));
      co_await sleep_for(check.period);
    }
  }

  void take(const HealthCheckConfig& check, bool passed) {
    (passed ? owner_.results_.checks_passed : owner_.results_.checks_failed).add();
    in_a_row_ = passed == last_passed_ ? in_a_row_ + 1 : 1;
    last_passed_ = passed;
    Endpoint& endpoint = *wanted_.endpoint;
    const SteadyTime now = owner_.loop_.now();
    if (!passed && in_a_row_ >= check.failure_threshold) {
      if (!std::exchange(failing_, true))
        owner_.log_.warn("endpoint fails its health check", "endpoint", endpoint.text);
      // Until after the next check has failed, too: no request is tried meanwhile.
      endpoint.health.hold(now + 2 * (check.period + check.timeout));
    } else if (passed && failing_ && in_a_row_ >= check.success_threshold) {
      failing_ = false;
      endpoint.health.reply(now);
      owner_.log_.info("endpoint passes its health check again", "endpoint", endpoint.text);
    } else if (failing_) {
      endpoint.health.hold(now + 2 * (check.period + check.timeout));
    }
  }

  EndpointMonitor& owner_;
  const Wanted wanted_;
  std::int64_t in_a_row_ = 0;
  bool last_passed_ = true;
  bool failing_ = false;
  TaskGroup tasks_;
};

EndpointMonitor::Results EndpointMonitor::register_results(MetricsRegistry& registry) {
  const auto checks = [&](const char* result) -> Counter& {
    return registry.counter(
        "insula_gateway_health_checks_total",
        "Health checks of endpoints, by result. The log says which endpoint fails them.",
        {{"result", result}});
  };
  return {registry.counter("insula_gateway_load_scrapes_failed_total",
                           "Times that an endpoint of a model with the routing PrefixCache did not "
                           "tell its load at /metrics under vLLM's names; it is then routed to by "
                           "the requests that it was sent."),
          checks("passed"), checks("failed")};
}

EndpointMonitor::EndpointMonitor(Loop& loop, MetricsRegistry& registry, Log log)
    : loop_(loop),
      log_(std::move(log)),
      results_(register_results(registry)),
      client_({.connections_per_origin = 2,
               .idle_per_origin = 2,
               .connect_timeout = kScrapeTime,
               .body_bytes = kMetricsBytesMax}) {}

EndpointMonitor::~EndpointMonitor() = default;

void EndpointMonitor::add(const ModelRoute& model, std::map<const Endpoint*, Wanted>& wanted) {
  for (const Backend& backend : model.backends) {
    const bool metrics = backend.policy == RoutingPolicy::kPrefixCache;
    if (backend.provider != nullptr || (!metrics && !model.health_check)) continue;
    for (const auto& endpoint : backend.endpoints) {
      Wanted& of_it = wanted[endpoint.get()];
      of_it.endpoint = endpoint;
      of_it.host = backend.service_host;
      of_it.metrics = of_it.metrics || metrics;
      if (!of_it.check) of_it.check = model.health_check;
    }
  }
}

void EndpointMonitor::follow(const Snapshot& snapshot) {
  std::map<const Endpoint*, Wanted> all;
  for (const auto& [name, tenant] : snapshot.tenants) {
    for (const ModelRoute& model : tenant.models.list())
      add(model, all);
  }
  std::erase_if(followed_, [&](const auto& entry) {
    const auto wanted = all.find(entry.first);
    return wanted == all.end() || !entry.second->is_for(wanted->second);
  });
  for (auto& [endpoint, wanted] : all) {
    if (followed_.contains(endpoint)) continue;
    if (followed_.size() >= kEndpointsMax) {
      if (!std::exchange(said_too_many_, true))
        log_.error("further endpoints are not asked how they are", "most", kEndpointsMax);
      return;
    }
    followed_.emplace(endpoint, std::make_unique<Followed>(*this, std::move(wanted)));
  }
}

}  // namespace insula::gateway
