#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "gateway/cors.h"
#include "gateway/edge_config.h"
#include "gateway/filter_chain.h"

namespace insula::gateway {

struct TenantConfig;

/// What a tenant's path takes, from whom, and what is changed there. Of a snapshot, and immutable
/// as it.
struct Edge {
  std::optional<std::size_t> body_bytes_max;
  std::optional<std::size_t> header_bytes_max;
  std::shared_ptr<const CorsPolicy> cors;      // null: no web page's
  std::shared_ptr<const FilterChain> filters;  // null: there are none
};

/// Makes edges of configurations. Filters take time and memory to make: those of a tenant whose
/// configuration stays as it was are made once.
///
/// Threads: one at a time.
class EdgeBuilder {
 public:
  /// Errors: kInvalid when a filter cannot be made; nothing of the tenant may be served without it.
  [[nodiscard]] Result<Edge> build(const TenantConfig& tenant);

  /// Of answers of which it is not known whose they are: what some tenant's pages may see. Forgets
  /// filters that no snapshot has any more.
  [[nodiscard]] Edge build_shared(const std::vector<TenantConfig>& tenants);

 private:
  struct Made {
    std::vector<FilterConfig> configs;
    std::weak_ptr<const FilterChain> chain;
  };

  std::map<std::string, Made> made_;  // by tenant
};

}  // namespace insula::gateway
