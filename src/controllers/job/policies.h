#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/gen/batch_v1.h"
#include "api/gen/core_v1.h"
#include "controllers/job/indexes.h"

namespace insula::controllers {

/// Annotations of the pods of a Job with backoffLimitPerIndex: the failures of their index before
/// them, those that count and those that a policy ignores.
inline constexpr std::string_view kIndexFailures = "batch.kubernetes.io/job-index-failure-count";
inline constexpr std::string_view kIndexIgnoredFailures =
    "batch.kubernetes.io/job-index-ignored-failure-count";

/// What a Job's podFailurePolicy makes of a pod that has failed.
struct FailureVerdict {
  enum class Action : std::uint8_t { kCount, kIgnore, kFailIndex, kFailJob };

  Action action = Action::kCount;
  std::string message = {};  // why the Job fails
};

/// The first rule that matches decides. Without one, and without a policy, the failure counts.
[[nodiscard]] FailureVerdict judge_failure(const api::JobSpec& spec, const api::Pod& pod);

/// Which rule of the Job's successPolicy the indexes meet that have succeeded, as the condition
/// tells it. None without a policy.
[[nodiscard]] std::optional<std::string> met_success_rule(const api::JobSpec& spec,
                                                          const Indexes& succeeded);

/// How often the pods of one index have failed.
struct IndexFailures {
  std::int32_t counted = 0;
  std::int32_t ignored = 0;

  [[nodiscard]] std::int32_t all() const { return counted + ignored; }
};

/// Of the pods before this one.
[[nodiscard]] IndexFailures failures_before(const api::Pod& pod);

/// With this one, which has failed.
[[nodiscard]] IndexFailures failures_with(const api::JobSpec& spec, const api::Pod& pod);

}  // namespace insula::controllers
