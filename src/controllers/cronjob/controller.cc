#include "controllers/cronjob/controller.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/typed.h"
#include "controller/owner.h"

namespace insula::controllers {

namespace {

std::vector<std::string> owner_values(const api::Job& job) {
  std::string uid = controller::controller_uid(job.metadata);
  return uid.empty() ? std::vector<std::string>{} : std::vector{std::move(uid)};
}

bool is_terminating_namespace(const Error& error) {
  return std::ranges::any_of(error.causes(), [](const FieldCause& cause) {
    return cause.reason == "NamespaceTerminating";
  });
}

}  // namespace

CronJobController::CronJobController(client::Client& client,
                                     const controller::Runtime& runtime,
                                     Mirrors mirrors,
                                     controller::EventRecorder& events)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      events_(events),
      by_owner_(mirrors.jobs.add_index(owner_values)),
      controller_({.name = "cronjob"}, runtime, *this) {
  mirrors_.cron_jobs.on_change([this](const api::CronJob*, const api::CronJob* after) {
    if (after != nullptr) controller_.enqueue(controller::key_of(*after));
  });
  mirrors_.jobs.on_change([this](const api::Job* before, const api::Job* after) {
    const api::Job& job = after != nullptr ? *after : *before;
    const api::OwnerReference* owner = controller::controller_of(job.metadata);
    if (owner != nullptr && owner->kind == "CronJob")
      controller_.enqueue({job.metadata.namespace_, owner->name});
  });
}

void CronJobController::start() {
  controller_.start({&mirrors_.cron_jobs, &mirrors_.jobs});
}

Task<Result<controller::Outcome>> CronJobController::reconcile(controller::Key key) {
  const CronJobPtr cron = mirrors_.cron_jobs.get(key);
  if (!cron) co_return controller::kDone;
  CronJobPlan plan =
      plan_cron_job(*cron, mirrors_.jobs.by_index(by_owner_, cron->metadata.uid), clock_.wall());
  tell(*cron, plan.notes);
  // What is removed here does not go missing.
  for (const auto& job : plan.replace) {
    std::erase_if(plan.status.active, [&](const api::ObjectReference& active) {
      return active.uid == job->metadata.uid;
    });
  }
  INSULA_CO_TRY_VOID(co_await remove(cron, std::move(plan.replace)));
  if (plan.create) INSULA_CO_TRY_VOID(co_await create_job(cron, *plan.create, plan.status));
  INSULA_CO_TRY_VOID(co_await write_status(cron, std::move(plan.status)));
  INSULA_CO_TRY_VOID(co_await remove(cron, std::move(plan.expired)));
  if (plan.again_after) co_return controller::again_after(*plan.again_after);
  co_return controller::kDone;
}

void CronJobController::tell(const api::CronJob& cron, const std::vector<CronJobNote>& notes) {
  for (const CronJobNote& note : notes) {
    events_.record(cron,
                   note.warning ? controller::EventType::kWarning : controller::EventType::kNormal,
                   note.reason, note.message);
  }
}

Task<Result<>> CronJobController::create_job(CronJobPtr cron,
                                             api::Time scheduled,
                                             api::CronJobStatus& status) {
  api::Job wanted = job_from_template(*cron, scheduled);
  const std::string name = wanted.metadata.name;
  const Result<api::Job> job = co_await client::create(client_, std::move(wanted));
  if (!job && job.error().code() == ErrorCode::kAlreadyExists) {
    // Made before, and the status was not written; the mirror will say so.
    status.last_schedule_time = scheduled;
    co_return Result<>{};
  }
  if (!job) {
    // The CronJob goes with its namespace; nobody needs to hear about it.
    if (is_terminating_namespace(job.error())) co_return Result<>{};
    events_.record(*cron, controller::EventType::kWarning, "FailedCreate",
                   "Error creating job: " + job.error().message());
    co_return std::unexpected(job.error());
  }
  mirrors_.jobs.observe(*job);
  events_.record(*cron, controller::EventType::kNormal, "SuccessfulCreate",
                 "Created job " + job->metadata.name);
  api::ObjectReference active = controller::reference_to(api::kind_of<api::Job>(), job->metadata);
  active.resource_version.clear();
  status.active.push_back(std::move(active));
  status.last_schedule_time = scheduled;
  co_return Result<>{};
}

Task<Result<>> CronJobController::remove(CronJobPtr cron, std::vector<JobPtr> jobs) {
  for (const JobPtr& job : jobs) {
    client::DeleteOptions options;
    options.precondition_uid = job->metadata.uid;
    options.propagation = client::Propagation::kBackground;
    const Result<> removed = co_await client::remove<api::Job>(
        client_, job->metadata.namespace_, job->metadata.name, std::move(options));
    if (!removed && removed.error().code() != ErrorCode::kNotFound) {
      events_.record(*cron, controller::EventType::kWarning, "FailedDelete",
                     "Deleted job: " + removed.error().message());
      co_return std::unexpected(removed.error());
    }
    events_.record(*cron, controller::EventType::kNormal, "SuccessfulDelete",
                   "Deleted job " + job->metadata.name);
    if (job->metadata.finalizers.empty()) mirrors_.jobs.observe_gone(*job);
  }
  co_return Result<>{};
}

// With the resourceVersion that was read: an older view cannot undo what a newer one has written.
Task<Result<>> CronJobController::write_status(CronJobPtr cron, api::CronJobStatus status) {
  if (status == cron->status) co_return Result<>{};
  api::CronJob next = *cron;
  next.status = std::move(status);
  INSULA_CO_TRY(const api::CronJob written,
                co_await client::update_status(client_, std::move(next)));
  mirrors_.cron_jobs.observe(written);
  co_return Result<>{};
}

}  // namespace insula::controllers
