// What the choice of an endpoint costs a request: by fewest requests, by session, and by the blocks
// of its prompt, hashing included. The bar is 10 us for a prompt of 16 KiB.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "fastest_runs.h"
#include "gateway/balancer.h"
#include "gateway/prefix_index.h"

namespace insula::gateway {
namespace {

constexpr SteadyTime kNow{std::chrono::hours(24)};

Backend backend_of(std::int64_t endpoints, RoutingPolicy policy) {
  Backend backend{.service_host = "svc", .policy = policy};
  for (std::int64_t i = 0; i < endpoints; ++i) {
    backend.endpoints.push_back(std::make_shared<Endpoint>(
        net::Address::parse(fmt::format("10.0.{}.{}:80", i / 250, i % 250 + 1)).value()));
    if (policy == RoutingPolicy::kPrefixCache)
      backend.prefixes.push_back(std::make_shared<PrefixIndex>());
  }
  return backend;
}

constexpr std::int64_t kEndpoints = 8;
constexpr double kBarNs = 10'000;

void choose_least_requests(benchmark::State& state) {
  const Backend backend = backend_of(kEndpoints, RoutingPolicy::kLeastRequests);
  Balancer balancer(1);
  for (auto _ : state)
    benchmark::DoNotOptimize(balancer.choose(backend, {}, kNow));
}

BENCHMARK(choose_least_requests);

void choose_by_session(benchmark::State& state) {
  const Backend backend = backend_of(kEndpoints, RoutingPolicy::kSession);
  Balancer balancer(1);
  std::uint64_t session = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(balancer.choose(backend, {}, kNow, {.session = ++session}));
}

BENCHMARK(choose_by_session);

/// Prompts of 64 conversations, hashed and matched anew for each request.
void choose_by_prefix(benchmark::State& state, std::size_t bytes) {
  constexpr int kConversations = 64;
  const Backend backend = backend_of(kEndpoints, RoutingPolicy::kPrefixCache);
  std::vector<std::string> prompts;
  for (int i = 0; i < kConversations; ++i)
    prompts.emplace_back(bytes, static_cast<char>('0' + i));
  Balancer balancer(1);
  PrefixBlocks blocks;
  std::size_t at = 0;
  for (auto _ : state) {
    blocks.take(1, prompts[at++ % prompts.size()]);
    benchmark::DoNotOptimize(balancer.choose(backend, {}, kNow, {.blocks = blocks.list()}));
  }
}

void choose_by_prefix_of_1k(benchmark::State& state) {
  choose_by_prefix(state, std::size_t{1} << 10U);
}

void choose_by_prefix_of_16k(benchmark::State& state) {
  choose_by_prefix(state, std::size_t{16} << 10U);
}

BENCHMARK(choose_by_prefix_of_1k);
BENCHMARK(choose_by_prefix_of_16k);

}  // namespace
}  // namespace insula::gateway

int main(int argc, char** argv) {
  const insula::bench::FastestRuns fastest = insula::bench::run_benchmarks(argc, argv);
  fmt::print(R"({{"bench":"routing","least_requests_ns":{:.0f},"session_ns":{:.0f},)"
             R"("prefix_1k_ns":{:.0f},"prefix_16k_ns":{:.0f},"bar_ns":{:.0f}}})"
             "\n",
             fastest.of("choose_least_requests"), fastest.of("choose_by_session"),
             fastest.of("choose_by_prefix_of_1k"), fastest.of("choose_by_prefix_of_16k"),
             insula::gateway::kBarNs);
  return 0;
}
