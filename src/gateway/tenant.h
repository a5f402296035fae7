#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/api_key.h"
#include "gateway/backend.h"
#include "gateway/config.h"
#include "gateway/edge.h"
#include "gateway/jwt.h"
#include "gateway/limits.h"
#include "gateway/member_table.h"
#include "gateway/metrics.h"

namespace insula::gateway {

class SharedMembers;

/// What each member of a tenant is held to.
struct MemberLimits {
  LimitConfig each;
  /// By name: what those have instead.
  std::unordered_map<std::string, LimitConfig, ApiKeys::TextHash, std::equal_to<>> others;

  [[nodiscard]] const LimitConfig& of(std::string_view member) const {
    const auto found = others.find(member);
    return found == others.end() ? each : found->second;
  }
};

/// How requests of one tenant are checked and where they go.
struct Tenant {
  std::string name;
  std::string uid;           // of its object: another one of the same name is another tenant
  std::int64_t created = 0;  // seconds since 1970
  /// Serves the models that are not listed, and what names none.
  Backend service;
  ModelRoutes models;
  /// Some backend has an endpoint.
  bool is_served = false;
  bool has_providers = false;
  /// Some backend's endpoints are chosen by more than their requests.
  bool has_affinity = false;
  /// The tenant's own issuers and, last, the built-in one.
  std::vector<JwtIssuer> issuers;
  /// Names `issuers`: verified tokens are cached under it and the tenant's name. A number is given
  /// once, so two are equal only if one tenant's issuers stayed as they were.
  std::uint64_t auth_scope = 0;
  Limits limits;
  QueueConfig queue;
  Edge edge;
  MemberLimits member_limits;
  /// What they count; null when members have none, or when its file cannot be opened: no member is
  /// served then.
  std::shared_ptr<MemberTable> members;
  bool members_can_be_kept = true;
  /// What of them gateways share; null: it is this one's own.
  std::shared_ptr<SharedMembers> shared_members;
  std::shared_ptr<const TenantMetrics> metrics;

  /// Calls `f` for each backend.
  template <class F>
  void for_each_backend(F f) const {
    f(service);
    for (const ModelRoute& model : models.list()) {
      for (const Backend& backend : model.backends)
        f(backend);
    }
  }
};

}  // namespace insula::gateway
