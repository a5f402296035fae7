#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace insula::gateway {

/// What a model server tells of itself at /metrics, under vLLM's names.
struct ServerLoad {
  std::int64_t requests = 0;  // running and waiting
  double cache_usage = 0;     // of the KV cache, from 0 to 1

  bool operator==(const ServerLoad&) const = default;
};

/// Reads `vllm:num_requests_running` and `_waiting`, summed over all their labels, and the largest
/// `vllm:kv_cache_usage_perc` or, as older servers call it, `vllm:gpu_cache_usage_perc`. Nothing
/// when there is none of these.
/// Spec: Prometheus' text format; vLLM's documentation of its metrics.
[[nodiscard]] std::optional<ServerLoad> parse_server_load(std::string_view exposition);

/// The load that an endpoint last told of; nothing of it is known while it tells none.
///
/// Threads: any.
class EndpointLoad {
 public:
  void set(const ServerLoad& load) {
    requests_.store(load.requests, std::memory_order_relaxed);
    cache_usage_.store(load.cache_usage, std::memory_order_relaxed);
  }

  [[nodiscard]] std::int64_t requests() const { return requests_.load(std::memory_order_relaxed); }

  [[nodiscard]] double cache_usage() const { return cache_usage_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> requests_{0};
  std::atomic<double> cache_usage_{0};
};

}  // namespace insula::gateway
