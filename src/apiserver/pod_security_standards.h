#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"

namespace insula::apiserver {

/// How much a pod may reach beyond itself, the more the smaller.
enum class PodSecurityLevel : std::uint8_t { kPrivileged, kBaseline, kRestricted };

/// A level as some minor version of Kubernetes 1 defined it.
struct PodSecurityPolicy {
  PodSecurityLevel level = PodSecurityLevel::kPrivileged;
  /// nullopt: as the newest defines it.
  std::optional<unsigned> minor = {};

  /// `baseline:latest`, `restricted:v1.24`.
  [[nodiscard]] std::string text() const;

  bool operator==(const PodSecurityPolicy&) const = default;
};

/// A control that a pod is not in accordance with, in the words of Kubernetes' PodSecurity.
struct PodSecurityViolation {
  std::string reason;
  std::string detail;
};

/// What of a pod the policy forbids, in Kubernetes' order. `metadata` is the pod's or its
/// template's.
/// Spec: Kubernetes, "Pod Security Standards".
[[nodiscard]] std::vector<PodSecurityViolation> violations_of(const PodSecurityPolicy& policy,
                                                              const api::ObjectMeta& metadata,
                                                              const api::PodSpec& spec);

}  // namespace insula::apiserver
