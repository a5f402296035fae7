#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "api/gen/batch_v1.h"
#include "api/gen/core_v1.h"
#include "base/clock.h"
#include "controllers/job/policies.h"

namespace insula::controllers {

using PodPtr = std::shared_ptr<const api::Pod>;

/// Keeps a pod until its Job has counted it.
inline constexpr std::string_view kJobTracking = "batch.kubernetes.io/job-tracking";
/// Label and annotation of an Indexed Job's pod.
inline constexpr std::string_view kCompletionIndex = "batch.kubernetes.io/job-completion-index";

/// Pods created in one reconcile; the rest follows in the next.
inline constexpr std::size_t kJobBurstMax = 500;
/// Delay of the first pod after a failure; it doubles with every further failure without a success.
inline constexpr std::chrono::seconds kJobBackoffFirst{10};
inline constexpr std::chrono::seconds kJobBackoffMax{600};

/// What a Job needs now. Pure.
///
/// A pod is counted once, whenever the controller ends: its uid is written to the status with the
/// finalizer still on it, the finalizer is taken off, and only then is the uid turned into a
/// number. The steps are to be done in the order of the members.
struct JobPlan {
  api::JobStatus status;
  /// Have ended and stand in the status: their finalizer goes.
  std::vector<PodPtr> forget;
  /// Run and are not wanted, or not any more: the finalizer goes, then the pod; it counts as
  /// neither.
  std::vector<PodPtr> withdraw;
  /// Run while the Job has failed: deleted, and counted as failed.
  std::vector<PodPtr> remove;
  /// One entry for each pod to be made: its index, or nothing for a NonIndexed Job.
  std::vector<std::optional<std::int32_t>> create;
  /// The failures before the pods to be made, of those indexes that had any.
  std::map<std::int32_t, IndexFailures> failures;
  /// When time alone changes something.
  std::optional<std::chrono::seconds> again_after;
  /// ttlSecondsAfterFinished has passed: the Job is to be deleted.
  bool expired = false;
};

/// `pods`: those that the Job controls.
[[nodiscard]] JobPlan plan_job(const api::Job& job, const std::vector<PodPtr>& pods, WallTime now);

/// The pod that the template asks for, owned by the Job, with a name to be generated. `failures`
/// are those of its index before it, which a Job with backoffLimitPerIndex tells its pods.
[[nodiscard]] api::Pod pod_from_template(const api::Job& job,
                                         std::optional<std::int32_t> index,
                                         const IndexFailures& failures = {});

[[nodiscard]] bool is_tracked(const api::Pod& pod);

/// The condition when the status has it and it is True, or null.
[[nodiscard]] const api::JobCondition* true_condition(const api::JobStatus& status,
                                                      std::string_view type);

}  // namespace insula::controllers
