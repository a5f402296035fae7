#include "api/columns/batch.h"

#include <fmt/format.h>

#include "api/columns/columns.h"
#include "api/columns/templates.h"
#include "api/validation/batch.h"

namespace insula::api {

namespace {

constexpr Column kJobColumns[] = {
    kNameColumn,
    {"Status", "string", "", "Whether it runs or how it ended."},
    {"Completions", "string", "", "Pods that succeeded, of those that must."},
    {"Duration", "string", "", "Time from its start to its end, or until now."},
    kAgeColumn,
    kContainersColumn,
    kImagesColumn,
    kSelectorColumn,
};

constexpr Column kCronJobColumns[] = {
    kNameColumn,
    {"Schedule", "string", "", "When Jobs are made."},
    {"Timezone", "string", "", "Time zone of the schedule."},
    {"Suspend", "boolean", "", "Whether no more Jobs are made."},  // a text, as in Kubernetes
    {"Active", "integer", "", "Jobs that run now."},
    {"Last Schedule", "string", "", "Time since a Job was last made."},
    kAgeColumn,
    kContainersColumn,
    kImagesColumn,
    kSelectorColumn,
};

std::string status_text(const Job& object) {
  for (const std::string_view ended : {"Complete", "Failed"}) {
    if (has_true_condition(object.status, ended)) return std::string(ended);
  }
  if (object.metadata.deletion_timestamp) return "Terminating";
  for (const std::string_view state : {"Suspended", "FailureTarget", "SuccessCriteriaMet"}) {
    if (has_true_condition(object.status, state)) return std::string(state);
  }
  return "Running";
}

std::string completions_text(const Job& object) {
  const std::int32_t succeeded = object.status.succeeded;
  if (object.spec.completions) return fmt::format("{}/{}", succeeded, *object.spec.completions);
  // Without a number of completions one success ends the Job.
  const std::int32_t at_once = object.spec.parallelism.value_or(0);
  return at_once > 1 ? fmt::format("{}/1 of {}", succeeded, at_once)
                     : fmt::format("{}/1", succeeded);
}

std::string duration_text(const JobStatus& status, WallTime now) {
  if (!status.start_time) return {};
  const WallTime end = status.completion_time ? status.completion_time->wall() : now;
  return human_duration(end - status.start_time->wall());
}

}  // namespace

std::span<const Column> job_columns() {
  return kJobColumns;
}

std::vector<Cell> cells(const Job& object, WallTime now) {
  const PodSpec& pods = object.spec.template_.spec;
  return {
      object.metadata.name,
      status_text(object),
      completions_text(object),
      duration_text(object.status, now),
      age(object.metadata.creation_timestamp, now),
      container_names(pods),
      container_images(pods),
      selector_cell(object.spec.selector),
  };
}

std::span<const Column> cron_job_columns() {
  return kCronJobColumns;
}

std::vector<Cell> cells(const CronJob& object, WallTime now) {
  const CronJobSpec& spec = object.spec;
  const JobSpec& job = spec.job_template.spec;
  const auto& last = object.status.last_schedule_time;
  return {
      object.metadata.name,
      spec.schedule,
      spec.time_zone.value_or("<none>"),
      spec.suspend.value_or(false) ? "True" : "False",
      static_cast<std::int64_t>(object.status.active.size()),
      last ? age(*last, now) : std::string("<none>"),
      age(object.metadata.creation_timestamp, now),
      container_names(job.template_.spec),
      container_images(job.template_.spec),
      selector_cell(job.selector),
  };
}

}  // namespace insula::api
