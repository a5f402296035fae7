#include "gateway/backend.h"

#include <algorithm>
#include <utility>

namespace insula::gateway {
namespace {

/// The backend on which the draw falls, of those that are up; nullptr when none of these has a
/// weight.
const Backend* drawn(const std::vector<Backend>& backends, double draw, SteadyTime now) {
  const auto weight_of = [now](const Backend& backend) {
    return backend.is_up(now) ? backend.weight : 0;
  };
  std::int64_t total = 0;
  for (const Backend& backend : backends)
    total += weight_of(backend);
  auto at = static_cast<std::int64_t>(draw * static_cast<double>(total));
  for (const Backend& backend : backends) {
    at -= weight_of(backend);
    if (at < 0) return &backend;
  }
  return nullptr;
}

void add_route(Candidates& candidates, const ModelRoute& route, double draw, SteadyTime now) {
  const Backend* first = route.backends.size() == 1 ? nullptr : drawn(route.backends, draw, now);
  if (first != nullptr) candidates.add(*first);
  for (const Backend& backend : route.backends)
    candidates.add(backend);
}

}  // namespace

bool Backend::is_up(SteadyTime now) const {
  return std::ranges::any_of(
      endpoints, [now](const auto& endpoint) { return endpoint->health.ejected_until() <= now; });
}

void Candidates::put_off_ejected(SteadyTime now) {
  if (count_ < 2) return;
  const std::array<const Backend*, kMax> all = backends_;
  std::array<bool, kMax> up{};  // Asked once: another thread may change it.
  for (std::size_t i = 0; i < count_; ++i)
    up[i] = all[i]->is_up(now);
  std::size_t at = 0;
  for (const bool wanted : {true, false}) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (up[i] == wanted) backends_[at++] = all[i];
    }
  }
}

void Candidates::add(const Backend& backend) {
  if (backend.endpoints.empty() || count_ == kMax) return;
  if (std::ranges::find(list(), &backend) == list().end()) backends_[count_++] = &backend;
}

void ModelRoutes::limit(std::string_view name, Limits limits) {
  std::ranges::find(routes_, name, &ModelRoute::name)->limits = std::move(limits);
}

const ModelRoute* ModelRoutes::find(std::string_view name) const {
  const auto found = std::ranges::find(routes_, name, &ModelRoute::name);
  return found == routes_.end() ? nullptr : &*found;
}

Candidates ModelRoutes::candidates(const ModelRoute& route, double draw, SteadyTime now) const {
  Candidates candidates;
  add_route(candidates, route, draw, now);
  for (const std::string& name : route.fallbacks) {
    if (const ModelRoute* fallback = find(name); fallback != nullptr)
      add_route(candidates, *fallback, draw, now);
  }
  candidates.put_off_ejected(now);
  return candidates;
}

}  // namespace insula::gateway
