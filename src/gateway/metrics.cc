#include "gateway/metrics.h"

#include <string>

namespace insula::gateway {

namespace {

/// What requests used up.
void add_usage(TenantMetrics& metrics, MetricsRegistry& registry, const std::string& name) {
  const auto tokens = [&](const char* type) {
    return &registry.counter("insula_gateway_tokens_total",
                             "Tokens that upstreams reported or that were estimated.",
                             {{"tenant", name}, {"type", type}});
  };
  metrics.prompt_tokens = tokens("prompt");
  metrics.completion_tokens = tokens("completion");
  const auto parts = [&](const char* type) {
    return &registry.counter(
        "insula_gateway_tokens_part_total",
        "Of the tokens: those of prompts that the model's cache had, and those "
        "of completions that were reasoning.",
        {{"tenant", name}, {"type", type}});
  };
  metrics.cached_tokens = parts("cached");
  metrics.reasoning_tokens = parts("reasoning");
  metrics.cost = &registry.counter(
      "insula_gateway_cost_nanos_total",
      "What requests cost, in billionths of the currency of the price list (insula price list).",
      {{"tenant", name}});
}

/// How requests wait for an endpoint.
void add_queue(TenantMetrics& metrics, MetricsRegistry& registry, const std::string& name) {
  metrics.queued = &registry.gauge(
      "insula_gateway_queued_requests",
      "Requests that wait since each endpoint that could answer has as many as it may. Run more "
      "pods, or raise concurrentRequestsPerEndpoint, when there are always some.",
      {{"tenant", name}});
  metrics.queue_time =
      &registry.histogram("insula_gateway_queue_seconds", "How long requests waited so.",
                          latency_bounds(), {{"tenant", name}});
  constexpr std::array<const char*, 3> kReasons = {"tenant_full", "full", "waited"};
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    metrics.queue_refused[i] = &registry.counter(
        "insula_gateway_queue_refused_total",
        "Requests that did not get to an endpoint: too many of the tenant waited, too many of all, "
        "or it took too long. Run more pods.",
        {{"tenant", name}, {"reason", kReasons[i]}});
  }
}

/// What became of requests upstream.
void add_upstreams(TenantMetrics& metrics, MetricsRegistry& registry, const std::string& name) {
  metrics.retries = &registry.counter(
      "insula_gateway_retries_total",
      "Requests tried again on another endpoint before the first byte of a reply.",
      {{"tenant", name}});
  metrics.retries_refused = &registry.counter(
      "insula_gateway_retries_refused_total",
      "Requests not tried again since a fifth of those to their backend were retries already. Look "
      "at the pods of the backend, which fail more than that.",
      {{"tenant", name}});
  metrics.ejections = &registry.counter(
      "insula_gateway_endpoint_ejections_total",
      "Times that an endpoint was left alone for a while, since it could not be reached or failed "
      "several requests in a row. The log says which; look at that pod.",
      {{"tenant", name}});
  metrics.fallbacks = &registry.counter(
      "insula_gateway_fallbacks_total",
      "Requests that went on to another backend of their model, or to a fallback of it, since one "
      "did not answer or was busy. Look at the Services of the tenant's models.",
      {{"tenant", name}});
  const auto errors = [&](const char* reason) {
    return &registry.counter("insula_gateway_upstream_errors_total",
                             "Upstream attempts that failed, by reason. Look at the tenant's pods; "
                             "for the reason provider at the key of its provider.",
                             {{"tenant", name}, {"reason", reason}});
  };
  metrics.connect_errors = errors("connect");
  metrics.lost_errors = errors("lost");
  metrics.timeout_errors = errors("timeout");
  metrics.protocol_errors = errors("protocol");
  metrics.provider_errors = errors("provider");
}

/// What is decided before a request is anybody's.
void add_edge(TenantMetrics& metrics, MetricsRegistry& registry, const std::string& name) {
  const auto preflights = [&](const char* result) {
    return &registry.counter(
        "insula_gateway_preflights_total",
        "Preflights of browsers: whether a page may use the path. Look at spec.gateway.cors of the "
        "Tenant when wanted pages are refused.",
        {{"tenant", name}, {"result", result}});
  };
  metrics.preflights_allowed = preflights("allowed");
  metrics.preflights_refused = preflights("refused");
  metrics.filter_refused = &registry.counter(
      "insula_gateway_filter_refused_total",
      "Requests that a filter of the tenant refused, or whose stream it ended. Look at "
      "spec.gateway.filters of the Tenant when too many are.",
      {{"tenant", name}});
}

/// Copies of requests.
void add_mirrored(TenantMetrics& metrics, MetricsRegistry& registry, const std::string& name) {
  const auto mirrored = [&](const char* result) {
    return &registry.counter(
        "insula_gateway_mirrored_requests_total",
        "Copies of requests that routes send to further servers. `failed`: the server did not "
        "answer, or with 5xx. `left_out`: the body was too large, or too many were on their way.",
        {{"tenant", name}, {"result", result}});
  };
  metrics.mirrored_answered = mirrored("answered");
  metrics.mirrored_failed = mirrored("failed");
  metrics.mirrored_left_out = mirrored("left_out");
}

/// What passes without being read.
void add_tunnels(TenantMetrics& metrics, MetricsRegistry& registry, const std::string& name) {
  metrics.tunnels = &registry.gauge("insula_gateway_tunnels",
                                    "WebSocket connections that are open.", {{"tenant", name}});
  const auto bytes = [&](const char* direction) {
    return &registry.counter("insula_gateway_tunnel_bytes_total",
                             "Bytes that passed through WebSocket connections, to the tenant's "
                             "servers (up) and to clients (down).",
                             {{"tenant", name}, {"direction", direction}});
  };
  metrics.tunnel_bytes_up = bytes("up");
  metrics.tunnel_bytes_down = bytes("down");
}

}  // namespace

TenantMetrics make_tenant_metrics(MetricsRegistry& registry, std::string_view tenant) {
  const std::string name(tenant);
  TenantMetrics metrics;
  const auto requests = [&](std::string code) {
    return &registry.counter(
        "insula_gateway_requests_total",
        "Requests answered, by status. 499: the client left. Look at the 5xx first.",
        {{"tenant", name}, {"code", std::move(code)}});
  };
  for (std::size_t i = 0; i < TenantMetrics::kStatuses.size(); ++i) {
    metrics.requests[i] = requests(std::to_string(TenantMetrics::kStatuses[i]));
  }
  metrics.requests.back() = requests("other");
  add_usage(metrics, registry, name);
  add_tunnels(metrics, registry, name);
  add_edge(metrics, registry, name);
  add_mirrored(metrics, registry, name);
  constexpr std::array<const char*, 4> kLimits = {"concurrency", "tokens", "requests", "budget"};
  for (const LimitScope scope : kLimitScopes) {
    for (std::size_t i = 0; i < kLimits.size(); ++i) {
      metrics.rate_limited[scope][i] = &registry.counter(
          "insula_gateway_rate_limited_total",
          "Requests refused with 429, by the limit that they met and whose it was. Raise that "
          "limit in the Tenant's rateLimit or budget or that of its model or member, or make a key "
          "with a "
          "larger one, if they are wanted.",
          {{"tenant", name}, {"limit", kLimits[i]}, {"scope", std::string(name_of(scope))}});
    }
  }
  metrics.streams_ended = &registry.counter(
      "insula_gateway_streams_ended_total",
      "Streams that the gateway ended because the limit of tokens had no room for more of them.",
      {{"tenant", name}});
  add_upstreams(metrics, registry, name);
  add_queue(metrics, registry, name);
  metrics.in_flight = &registry.gauge("insula_gateway_requests_in_flight",
                                      "Requests being answered now.", {{"tenant", name}});
  metrics.duration = &registry.histogram("insula_gateway_request_duration_seconds",
                                         "From the request's head to the end of its reply.",
                                         latency_bounds(), {{"tenant", name}});
  return metrics;
}

GatewayMetrics::GatewayMetrics(MetricsRegistry& registry)
    : nobody(make_tenant_metrics(registry, "none")),
      connections(
          registry.counter("insula_gateway_connections_total", "Client connections accepted.")),
      open_connections(
          registry.gauge("insula_gateway_connections_open", "Client connections open now.")),
      ended_connections(registry.counter(
          "insula_gateway_connections_ended_total",
          "Client connections that were ended while they waited for their client, since there was "
          "no room for another one. Raise the limit of open files, or look for who opens so "
          "many.")),
      snapshots(registry.counter("insula_gateway_snapshots_total",
                                 "Configurations applied since the start.")),
      snapshot_tenants(registry.gauge("insula_gateway_tenants", "Tenants that have a route.")),
      damaged_files(registry.counter("insula_gateway_usage_files_damaged_total",
                                     "Files of usage that could not be read and were kept aside as "
                                     ".damaged. What they held is "
                                     "on no bill until someone reads them.")),
      records_dropped(registry.counter("insula_gateway_usage_records_dropped_total",
                                       "Requests that are in the sums of usage and not in its log: "
                                       "it could not be written. Look "
                                       "at the disk.")),
      records_damaged(registry.counter(
          "insula_gateway_usage_records_damaged_total",
          "Places in the log of usage where a reader found no whole record. Look at the disk.")),
      requests_unnoted(registry.counter(
          "insula_gateway_usage_unnoted_total",
          "Requests beyond those that the table of a loop has room for: were the gateway killed "
          "while they run, they would be on no bill.")),
      requests_cut_off(registry.counter(
          "insula_gateway_requests_cut_off_total",
          "Requests that an earlier gateway was killed over, billed at the start of this one.")) {}

}  // namespace insula::gateway
