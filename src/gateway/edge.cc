#include "gateway/edge.h"

#include <utility>

#include "gateway/config.h"

namespace insula::gateway {
namespace {

std::optional<std::size_t> bound_of(std::optional<std::int64_t> bytes) {
  if (!bytes || *bytes <= 0) return std::nullopt;
  return static_cast<std::size_t>(*bytes);
}

}  // namespace

Result<Edge> EdgeBuilder::build(const TenantConfig& tenant) {
  const EdgeConfig& config = tenant.edge;
  Edge edge{.body_bytes_max = bound_of(config.bounds.body_bytes),
            .header_bytes_max = bound_of(config.bounds.header_bytes),
            .cors = config.cors ? std::make_shared<const CorsPolicy>(*config.cors) : nullptr,
            .filters = nullptr};
  if (config.filters.empty()) return edge;
  Made& made = made_[tenant.name];
  if (made.configs == config.filters) edge.filters = made.chain.lock();
  if (edge.filters != nullptr) return edge;
  INSULA_TRY(FilterChain chain, make_filters(config.filters));
  edge.filters = std::make_shared<const FilterChain>(std::move(chain));
  made = {.configs = config.filters, .chain = edge.filters};
  return edge;
}

Edge EdgeBuilder::build_shared(const std::vector<TenantConfig>& tenants) {
  std::erase_if(made_, [](const auto& entry) { return entry.second.chain.expired(); });
  std::vector<const CorsConfig*> configs;
  for (const TenantConfig& tenant : tenants) {
    if (tenant.edge.cors) configs.push_back(&*tenant.edge.cors);
  }
  const auto all = join(configs);
  Edge edge;
  if (all) edge.cors = std::make_shared<const CorsPolicy>(*all);
  return edge;
}

}  // namespace insula::gateway
