#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "api/gen/gateway_v1.h"

namespace insula::api {

inline constexpr std::string_view kGatewayGroup = "gateway.networking.k8s.io";

/// An object that refers to another. Its namespace must be set.
struct ReferringObject {
  std::string_view kind;  // of kGatewayGroup
  std::string_view name_space;
};

/// An object of the core group that is referred to.
struct ReferredObject {
  std::string_view kind;
  std::string_view name_space;
  std::string_view name;
};

/// Whether an object may refer to another: each to those of its own namespace, and to others that a
/// ReferenceGrant beside them lets it refer to.
[[nodiscard]] bool may_refer(const ReferringObject& from,
                             const ReferredObject& to,
                             const std::vector<std::shared_ptr<const ReferenceGrant>>& grants);

}  // namespace insula::api
