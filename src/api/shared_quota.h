#pragma once

#include <string>

#include "api/gen/core_v1.h"

namespace insula::api {

/// Annotation of ResourceQuotas that hold together: each one's limits apply to what all quotas with
/// the same value use, in whatever namespaces they are. Enforced by the embedded server in the
/// transaction of the write; other servers see quotas that limit each namespace by itself.
inline constexpr const char* kSharedQuotaAnnotation = "insula.dev/shared-quota";

/// The group that a quota belongs to; empty when it stands alone.
[[nodiscard]] inline std::string shared_quota_group(const ResourceQuota& quota) {
  const auto it = quota.metadata.annotations.find(kSharedQuotaAnnotation);
  return it == quota.metadata.annotations.end() ? std::string() : it->second;
}

}  // namespace insula::api
