#include "gateway/balancer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "gateway/waiting_room.h"

namespace insula::gateway {
namespace {

bool contains(std::span<Endpoint* const> endpoints, const Endpoint* endpoint) {
  return std::ranges::find(endpoints, endpoint) != endpoints.end();
}

/// Its requests with this one, for its share of them.
double load_of(const Endpoint& endpoint, SteadyTime now) {
  return static_cast<double>(endpoint.in_flight.load(std::memory_order_relaxed) + 1) /
         endpoint.health.share(now);
}

/// Its requests as far as they are known: other gateways and clients may have sent it some, too.
double known_load(const Endpoint& endpoint, SteadyTime now) {
  const std::int64_t own = endpoint.in_flight.load(std::memory_order_relaxed);
  return static_cast<double>(std::max(own, endpoint.load.requests())) / endpoint.health.share(now);
}

/// The place of an endpoint in the order in which a session prefers them: the higher the earlier.
std::uint64_t rank_of(const Endpoint& endpoint, std::uint64_t session) {
  return hash_of({reinterpret_cast<const char*>(&endpoint.id), sizeof endpoint.id}, session);
}

void note_prefix(const Backend& backend, const Endpoint& endpoint, const Affinity& affinity) {
  for (std::size_t i = 0; i < backend.prefixes.size(); ++i) {
    if (backend.endpoints[i].get() == &endpoint) return backend.prefixes[i]->note(affinity.blocks);
  }
}

/// How an endpoint compares with its siblings; less is better.
struct Cost {
  int rank = 0;
  double load = 0;

  auto operator<=>(const Cost&) const = default;
};

}  // namespace

Visit::~Visit() {
  if (endpoint_ == nullptr) return;
  // In this order, as WaitingRoom::enter() counts first and looks then: one of both sees the other.
  endpoint_->in_flight.fetch_sub(1);
  if (endpoint_->waiting.load() > 0) endpoint_->room.load()->place_is_free();
}

bool has_another(const Backend& backend, std::span<Endpoint* const> tried, SteadyTime now) {
  return std::ranges::any_of(backend.endpoints, [&](const auto& endpoint) {
    return endpoint->health.ejected_until() <= now && !contains(tried, endpoint.get());
  });
}

Visit Balancer::choose(const Backend& backend,
                       std::span<Endpoint* const> tried,
                       SteadyTime now,
                       const Affinity& affinity) {
  for (;;) {
    Choice choice;
    if (backend.policy == RoutingPolicy::kSession && affinity.session != 0)
      choice = by_session(backend, tried, now, affinity.session);
    if (backend.policy == RoutingPolicy::kPrefixCache && !affinity.blocks.empty())
      choice = by_prefix(backend, tried, now, affinity.blocks);
    if (choice.endpoint == nullptr && backend.endpoints.size() > kScanMax)
      choice = better_of_two(backend, tried, now);
    if (choice.endpoint == nullptr) choice = best(backend, tried, now);
    if (choice.endpoint == nullptr) return {};
    std::atomic<std::int64_t>& in_flight = choice.endpoint->in_flight;
    if (in_flight.fetch_add(1, std::memory_order_relaxed) < backend.in_flight_max) {
      note_prefix(backend, *choice.endpoint, affinity);
      return {*choice.endpoint, choice.is_probe};
    }
    // Another loop has taken its last place since.
    in_flight.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool Balancer::is_fit(const Backend& backend,
                      Endpoint& endpoint,
                      std::span<Endpoint* const> tried,
                      SteadyTime now,
                      Choice& choice) {
  if (contains(tried, &endpoint) ||
      endpoint.in_flight.load(std::memory_order_relaxed) >= backend.in_flight_max) {
    return false;
  }
  if (endpoint.health.take_probe(now)) choice = {&endpoint, true};
  return endpoint.health.ejected_until() == SteadyTime();
}

Balancer::Choice Balancer::by_session(const Backend& backend,
                                      std::span<Endpoint* const> tried,
                                      SteadyTime now,
                                      std::uint64_t session) {
  double total = 1;
  for (const auto& endpoint : backend.endpoints)
    total += static_cast<double>(endpoint->in_flight.load(std::memory_order_relaxed));
  const double most = std::max(
      kSessionShare * total / static_cast<double>(backend.endpoints.size()), kSessionLoadMin);
  Choice choice;
  std::uint64_t highest = 0;
  for (const auto& endpoint : backend.endpoints) {
    if (!is_fit(backend, *endpoint, tried, now, choice)) {
      if (choice.is_probe) return choice;
      continue;
    }
    if (static_cast<double>(endpoint->in_flight.load(std::memory_order_relaxed)) >= most) continue;
    const std::uint64_t hash = rank_of(*endpoint, session);
    if (choice.endpoint != nullptr && hash <= highest) continue;
    highest = hash;
    choice.endpoint = endpoint.get();
  }
  return choice;
}

Balancer::Choice Balancer::by_prefix(const Backend& backend,
                                     std::span<Endpoint* const> tried,
                                     SteadyTime now,
                                     std::span<const std::uint64_t> blocks) {
  Choice choice;
  double least = -1;
  for (const auto& endpoint : backend.endpoints) {
    if (is_fit(backend, *endpoint, tried, now, choice)) {
      const double load = known_load(*endpoint, now);
      if (least < 0 || load < least) least = load;
    } else if (choice.is_probe) {
      return choice;
    }
  }
  const double most = kImbalance * least + kQueueScale;
  std::optional<double> best;
  for (std::size_t i = 0; i < backend.endpoints.size(); ++i) {
    Endpoint& endpoint = *backend.endpoints[i];
    const double load = known_load(endpoint, now);
    if (load > most || endpoint.health.ejected_until() != SteadyTime() ||
        contains(tried, &endpoint) ||
        endpoint.in_flight.load(std::memory_order_relaxed) >= backend.in_flight_max) {
      continue;
    }
    const auto matched = static_cast<double>(backend.prefixes[i]->match(blocks));
    const double score = kPrefixWeight * matched / static_cast<double>(blocks.size()) -
                         kQueueWeight * (load - least) / kQueueScale -
                         kCacheWeight * endpoint.load.cache_usage();
    if (best && score <= *best) continue;
    best = score;
    choice.endpoint = matched > 0 ? &endpoint : nullptr;
  }
  return choice;
}

/// Nobody when one of the two is not fit for it: then all have to be looked at.
Balancer::Choice Balancer::better_of_two(const Backend& backend,
                                         std::span<Endpoint* const> tried,
                                         SteadyTime now) {
  const auto& endpoints = backend.endpoints;
  const std::size_t first = random_.below(endpoints.size());
  const std::size_t step = 1 + random_.below(endpoints.size() - 1);
  Endpoint* const one = endpoints[first].get();
  Endpoint* const other = endpoints[(first + step) % endpoints.size()].get();
  for (const Endpoint* each : {one, other}) {
    if (each->health.ejected_until() != SteadyTime() || contains(tried, each) ||
        each->in_flight.load(std::memory_order_relaxed) >= backend.in_flight_max) {
      return {};
    }
  }
  return {load_of(*other, now) < load_of(*one, now) ? other : one};
}

/// The best of all; nobody when none has room.
Balancer::Choice Balancer::best(const Backend& backend,
                                std::span<Endpoint* const> tried,
                                SteadyTime now) {
  const auto& endpoints = backend.endpoints;
  const SteadyTime left_out = left_out_after(backend, now);
  const std::size_t start = endpoints.size() > kScanMax ? random_.below(endpoints.size()) : 0;
  std::array<Endpoint*, kScanMax> equals{};
  std::size_t count = 0;
  Cost least;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    Endpoint* endpoint = endpoints[(start + i) % endpoints.size()].get();
    if (endpoint->in_flight.load(std::memory_order_relaxed) >= backend.in_flight_max) continue;
    const bool was_tried = contains(tried, endpoint);
    if (!was_tried && endpoint->health.take_probe(now)) return {endpoint, true};
    const bool is_out = endpoint->health.ejected_until() > left_out;
    const Cost cost{(was_tried ? 2 : 0) + (is_out ? 1 : 0), load_of(*endpoint, now)};
    if (count > 0 && cost > least) continue;
    if (count > 0 && cost < least) count = 0;
    least = cost;
    if (count < equals.size()) equals[count++] = endpoint;
  }
  if (count == 0) return {};
  const double at = count == 1 ? 0 : equals_.next() * static_cast<double>(count);
  return {equals[static_cast<std::size_t>(at)]};
}

/// Those whose ejection ends later than this are left out.
SteadyTime Balancer::left_out_after(const Backend& backend, SteadyTime now) {
  ejections_.clear();
  for (const auto& endpoint : backend.endpoints) {
    if (const SteadyTime until = endpoint->health.ejected_until(); until > now)
      ejections_.push_back(until);
  }
  const std::size_t all = backend.endpoints.size();
  const std::size_t most = std::min(all - 1, (all + 1) / 2);
  if (ejections_.size() <= most) return now;
  const auto last_back = ejections_.begin() + static_cast<std::ptrdiff_t>(most);
  std::ranges::nth_element(ejections_, last_back, std::greater());
  return *last_back;
}

}  // namespace insula::gateway
