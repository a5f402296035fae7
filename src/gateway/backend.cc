#include "gateway/backend.h"

#include <algorithm>

namespace insula::gateway {
namespace {

/// The backend on which the draw falls, of those that have endpoints; nullptr when none has both
/// those and a weight.
const Backend* drawn(const std::vector<Backend>& backends, double draw) {
  const auto weight_of = [](const Backend& backend) {
    return backend.endpoints.empty() ? 0 : backend.weight;
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

void add_route(Candidates& candidates, const ModelRoute& route, double draw) {
  if (const Backend* first = drawn(route.backends, draw); first != nullptr) candidates.add(*first);
  for (const Backend& backend : route.backends)
    candidates.add(backend);
}

}  // namespace

void Candidates::add(const Backend& backend) {
  if (backend.endpoints.empty() || count_ == kMax) return;
  if (std::ranges::find(list(), &backend) == list().end()) backends_[count_++] = &backend;
}

const ModelRoute* ModelRoutes::find(std::string_view name) const {
  const auto found = std::ranges::find(routes_, name, &ModelRoute::name);
  return found == routes_.end() ? nullptr : &*found;
}

Candidates ModelRoutes::candidates(const ModelRoute& route, double draw) const {
  Candidates candidates;
  add_route(candidates, route, draw);
  for (const std::string& name : route.fallbacks) {
    if (const ModelRoute* fallback = find(name); fallback != nullptr)
      add_route(candidates, *fallback, draw);
  }
  return candidates;
}

}  // namespace insula::gateway
