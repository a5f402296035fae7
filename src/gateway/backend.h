#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gateway/config.h"
#include "gateway/endpoint_health.h"
#include "gateway/endpoint_load.h"
#include "gateway/limits.h"
#include "gateway/prefix_index.h"
#include "gateway/provider.h"
#include "gateway/retry_budget.h"
#include "net/address.h"
#include "net/tls.h"

namespace insula::gateway {

class WaitingRoom;

/// How connections to an endpoint are secured, and the name that its certificate must have.
struct EndpointTls {
  std::shared_ptr<net::TlsContext> context;  // null: not at all
  std::string server_name = {};
};

/// One address that serves, and how it is doing. Snapshots that name the same address, and the same
/// provider if it is one's, share it.
struct Endpoint {
  /// `since`: when it was first heard of.
  explicit Endpoint(net::Address where, SteadyTime since = {}, EndpointTls secured = {})
      : address(where),
        tls(std::move(secured)),
        text(where.text()),
        id(hash_of(text, 0)),
        health(since) {
    if (!tls.server_name.empty()) text.append(" (").append(tls.server_name).append(")");
  }

  net::Address address;
  EndpointTls tls;
  std::string text;
  std::uint64_t id;  // of its address
  std::atomic<std::int64_t> in_flight{0};
  /// Requests that wait until it has room, and where they do: who ends one tells it.
  std::atomic<std::int64_t> waiting{0};
  std::atomic<WaitingRoom*> room{nullptr};
  EndpointHealth health;
  EndpointLoad load;
};

/// A Service, or a provider outside the platform, that answers requests.
struct Backend {
  /// What upstreams see as Host.
  std::string service_host;
  std::vector<std::shared_ptr<Endpoint>> endpoints = {};
  /// What it knows the model as; empty: what the client said.
  std::string model = {};
  std::int64_t weight = 1;
  /// Requests that each endpoint answers at one time.
  std::int64_t in_flight_max = INT64_MAX;
  /// Shared by all that name the same Service.
  std::shared_ptr<RetryBudget> retries = nullptr;
  /// Null for a Service.
  std::shared_ptr<const Provider> provider = nullptr;
  RoutingPolicy policy = RoutingPolicy::kLeastRequests;
  /// What each of the endpoints was sent, in their order; empty unless the policy is kPrefixCache.
  std::vector<std::shared_ptr<PrefixIndex>> prefixes = {};

  /// Some endpoint is well or may be probed.
  [[nodiscard]] bool is_up(SteadyTime now) const;
};

/// What serves a model that a tenant lists.
struct ModelRoute {
  std::string name;
  /// At least one.
  std::vector<Backend> backends;
  std::vector<std::string> fallbacks = {};
  /// Of requests that name it; nothing when it has none of its own.
  std::optional<Limits> limits = std::nullopt;
  std::optional<HealthCheckConfig> health_check = std::nullopt;
};

/// Backends in the order in which one request asks them: each once, and only those that have an
/// endpoint.
class Candidates {
 public:
  static constexpr std::size_t kMax = 8;

  /// Further ones than kMax are left out.
  void add(const Backend& backend);

  /// Those that are not up go behind those that are.
  void put_off_ejected(SteadyTime now);

  [[nodiscard]] std::span<const Backend* const> list() const { return {backends_.data(), count_}; }

  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  std::array<const Backend*, kMax> backends_{};
  std::size_t count_ = 0;
};

/// The models that a tenant lists.
///
/// Cost: find() looks at every name: there are few.
class ModelRoutes {
 public:
  void add(ModelRoute route) { routes_.push_back(std::move(route)); }

  /// Requires: there is such a model.
  void limit(std::string_view name, Limits limits);

  [[nodiscard]] const ModelRoute* find(std::string_view name) const;

  [[nodiscard]] const std::vector<ModelRoute>& list() const { return routes_; }

  [[nodiscard]] bool empty() const { return routes_.empty(); }

  /// Who is asked for this model: first the backend on which `draw`, in [0, 1), falls by the
  /// weights of those that are up, then the others as they are listed, then those of each fallback
  /// in the same way; all that are not up at last.
  [[nodiscard]] Candidates candidates(const ModelRoute& route, double draw, SteadyTime now) const;

 private:
  std::vector<ModelRoute> routes_;
};

}  // namespace insula::gateway
