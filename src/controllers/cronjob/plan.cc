#include "controllers/cronjob/plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/cron_schedule.h"
#include "api/kind.h"
#include "controller/event_recorder.h"
#include "controller/owner.h"
#include "controllers/job/plan.h"

namespace insula::controllers {

namespace {

using Seconds = api::CronSchedule::Seconds;

Seconds to_seconds(api::Time time) {
  return Seconds(std::chrono::seconds(time.seconds));
}

bool has_succeeded(const api::Job& job) {
  return true_condition(job.status, "Complete") != nullptr;
}

bool has_ended(const api::Job& job) {
  return has_succeeded(job) || true_condition(job.status, "Failed") != nullptr;
}

class CronJobPlanner {
 public:
  CronJobPlanner(const api::CronJob& cron, const std::vector<JobPtr>& jobs, WallTime now)
      : cron_(cron), jobs_(jobs), now_(now) {}

  CronJobPlan plan() {
    plan_.status = cron_.status;
    note_missing();
    observe();
    if (cron_.metadata.deletion_timestamp) return std::move(plan_);
    const auto& spec = cron_.spec;
    expire(spec.successful_jobs_history_limit, true);
    expire(spec.failed_jobs_history_limit, false);
    if (spec.suspend.value_or(false)) return std::move(plan_);
    if (spec.time_zone && !api::is_universal_time(*spec.time_zone)) {
      warn("UnknownTimeZone", fmt::format("invalid timeZone: \"{}\": this server reads schedules "
                                          "as Etc/UTC only",
                                          *spec.time_zone));
      return std::move(plan_);
    }
    schedule();
    return std::move(plan_);
  }

 private:
  void note_missing() {
    std::erase_if(plan_.status.active, [this](const api::ObjectReference& active) {
      const bool there = std::ranges::any_of(
          jobs_, [&active](const JobPtr& job) { return job->metadata.uid == active.uid; });
      if (!there) note("MissingJob", "Active job went missing: " + active.name);
      return !there;
    });
  }

  void observe() {
    for (const JobPtr& job : jobs_) {
      const auto active =
          std::ranges::find(plan_.status.active, job->metadata.uid, &api::ObjectReference::uid);
      const bool listed = active != plan_.status.active.end();
      if (!has_ended(*job)) {
        // Made before a crash that kept the status from being written.
        if (!listed) plan_.status.active.push_back(reference(*job));
        continue;
      }
      if (listed) {
        plan_.status.active.erase(active);
        note("SawCompletedJob",
             fmt::format("Saw completed job: {}, condition: {}", job->metadata.name,
                         has_succeeded(*job) ? "Complete" : "Failed"));
      }
      if (!has_succeeded(*job) || !job->status.completion_time) continue;
      std::optional<api::Time>& last = plan_.status.last_successful_time;
      if (!last || *last < *job->status.completion_time) last = job->status.completion_time;
    }
  }

  static api::ObjectReference reference(const api::Job& job) {
    api::ObjectReference out = controller::reference_to(api::kind_of<api::Job>(), job.metadata);
    // It would change with every step of the Job.
    out.resource_version.clear();
    return out;
  }

  void expire(std::optional<std::int32_t> limit, bool succeeded) {
    if (!limit) return;
    std::vector<JobPtr> ended;
    std::ranges::copy_if(jobs_, std::back_inserter(ended), [succeeded](const JobPtr& job) {
      return has_ended(*job) && has_succeeded(*job) == succeeded &&
             !job->metadata.deletion_timestamp;
    });
    const auto kept = static_cast<std::size_t>(std::max(*limit, 0));
    if (ended.size() <= kept) return;
    std::ranges::sort(ended, [](const JobPtr& a, const JobPtr& b) {
      return std::pair(a->status.start_time.value_or(api::Time{}), a->metadata.name) <
             std::pair(b->status.start_time.value_or(api::Time{}), b->metadata.name);
    });
    ended.resize(ended.size() - kept);
    std::ranges::move(ended, std::back_inserter(plan_.expired));
  }

  void schedule() {
    const api::ReadCronSchedule read = api::read_cron_schedule(cron_.spec.schedule);
    if (!read.complaints.empty()) {
      return warn("UnparseableSchedule", fmt::format("unparseable schedule: \"{}\" : {}",
                                                     cron_.spec.schedule, read.complaints[0]));
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(now_);
    const Seconds since =
        to_seconds(plan_.status.last_schedule_time.value_or(cron_.metadata.creation_timestamp));
    const std::optional<Seconds> due = read.schedule.latest(since, now);
    // The times of @every are counted from the last one.
    const auto next =
        read.schedule.next(read.schedule.every.count() == 0 ? now : due.value_or(since));
    if (next) plan_.again_after = *next - now_;
    if (due) start(*due, now);
  }

  void start(Seconds due, Seconds now) {
    const auto deadline = cron_.spec.starting_deadline_seconds;
    if (deadline && due + std::chrono::seconds(*deadline) < now) {
      return warn("MissSchedule", "Missed scheduled time to start a job: " + text(due));
    }
    const bool busy = !plan_.status.active.empty();
    if (busy && cron_.spec.concurrency_policy == "Forbid") {
      return note("JobAlreadyActive",
                  "Not starting job because prior execution is running and concurrency policy is "
                  "Forbid");
    }
    if (cron_.spec.concurrency_policy == "Replace") {
      std::ranges::copy_if(jobs_, std::back_inserter(plan_.replace),
                           [](const JobPtr& job) { return !has_ended(*job); });
    }
    plan_.create = api::Time{due.time_since_epoch().count()};
  }

  static std::string text(Seconds time) {
    return api::Time{time.time_since_epoch().count()}.text();
  }

  void note(std::string reason, std::string message) {
    plan_.notes.push_back({false, std::move(reason), std::move(message)});
  }

  void warn(std::string reason, std::string message) {
    plan_.notes.push_back({true, std::move(reason), std::move(message)});
  }

  const api::CronJob& cron_;
  const std::vector<JobPtr>& jobs_;
  WallTime now_;
  CronJobPlan plan_;
};

}  // namespace

CronJobPlan plan_cron_job(const api::CronJob& cron, const std::vector<JobPtr>& jobs, WallTime now) {
  return CronJobPlanner(cron, jobs, now).plan();
}

api::Job job_from_template(const api::CronJob& cron, api::Time scheduled) {
  api::Job job;
  job.metadata.namespace_ = cron.metadata.namespace_;
  job.metadata.name = fmt::format("{}-{}", cron.metadata.name, scheduled.seconds / 60);
  job.metadata.labels = cron.spec.job_template.metadata.labels;
  job.metadata.annotations = cron.spec.job_template.metadata.annotations;
  job.metadata.annotations[kScheduledTimestamp] = scheduled.text();
  job.metadata.owner_references.push_back(controller::controlled_by(cron));
  job.spec = cron.spec.job_template.spec;
  return job;
}

}  // namespace insula::controllers
