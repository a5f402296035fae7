#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/batch_v1.h"
#include "base/clock.h"

namespace insula::controllers {

using JobPtr = std::shared_ptr<const api::Job>;

/// Annotation of a Job that a CronJob made: the time that it was made for.
inline constexpr const char* kScheduledTimestamp =
    "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Something that the CronJob's reader should know, for an event.
struct CronJobNote {
  bool warning = false;
  std::string reason;
  std::string message;
};

/// What a CronJob needs now. Pure. The Jobs to be replaced go before the new one is made.
struct CronJobPlan {
  /// As observed, before the actions.
  api::CronJobStatus status;
  std::vector<JobPtr> replace;
  /// The time that a Job is to be made for.
  std::optional<api::Time> create;
  /// Have ended, and more of them are kept than the CronJob wants.
  std::vector<JobPtr> expired;
  std::vector<CronJobNote> notes;
  /// When the schedule has its next time.
  std::optional<std::chrono::nanoseconds> again_after;
};

/// `jobs`: those that the CronJob controls.
///
/// Of times that were missed, only the last one is made up for, and only within
/// startingDeadlineSeconds. Spec: Kubernetes, CronJob, "CronJob limitations".
[[nodiscard]] CronJobPlan plan_cron_job(const api::CronJob& cron,
                                        const std::vector<JobPtr>& jobs,
                                        WallTime now);

/// The Job for one time of the schedule. Its name follows from the time, so that a time has one Job
/// whenever the controller ends.
[[nodiscard]] api::Job job_from_template(const api::CronJob& cron, api::Time scheduled);

}  // namespace insula::controllers
