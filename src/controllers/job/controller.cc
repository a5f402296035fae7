#include "controllers/job/controller.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "async/task_group.h"
#include "client/typed.h"
#include "controller/owner.h"
#include "controller/selector.h"
#include "controllers/pods.h"

namespace insula::controllers {

namespace {

constexpr std::string_view kThisController = "kubernetes.io/job-controller";

std::optional<controller::Key> job_of(const api::Pod& pod) {
  const api::OwnerReference* owner = controller::controller_of(pod.metadata);
  if (owner == nullptr || owner->kind != "Job") return std::nullopt;
  return controller::Key{pod.metadata.namespace_, owner->name};
}

std::vector<std::string> owner_values(const api::Pod& pod) {
  const auto key = job_of(pod);
  return key ? std::vector{key->text()} : std::vector<std::string>{};
}

std::vector<std::string> orphan_values(const api::Pod& pod) {
  return controller::controller_of(pod.metadata) == nullptr ? std::vector{pod.metadata.namespace_}
                                                            : std::vector<std::string>{};
}

bool selects(const api::Job& job, const api::Pod& pod) {
  return job.spec.selector && controller::matches(*job.spec.selector, pod.metadata.labels);
}

bool is_over(const api::Job& job) {
  return true_condition(job.status, "Complete") != nullptr ||
         true_condition(job.status, "Failed") != nullptr;
}

bool is_terminating_namespace(const Error& error) {
  return std::ranges::any_of(error.causes(), [](const FieldCause& cause) {
    return cause.reason == "NamespaceTerminating";
  });
}

}  // namespace

JobController::JobController(client::Client& client,
                             const controller::Runtime& runtime,
                             Mirrors mirrors,
                             controller::EventRecorder& events)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      events_(events),
      by_owner_(mirrors.pods.add_index(owner_values)),
      orphans_(mirrors.pods.add_index(orphan_values)),
      controller_({.name = "job"}, runtime, *this) {
  mirrors_.jobs.on_change([this](const api::Job* before, const api::Job* after) {
    controller_.enqueue(controller::key_of(after != nullptr ? *after : *before));
  });
  mirrors_.pods.on_change([this](const api::Pod* before, const api::Pod* after) {
    for (const api::Pod* pod : {before, after}) {
      if (pod != nullptr) enqueue_jobs_of(*pod);
    }
  });
}

void JobController::enqueue_jobs_of(const api::Pod& pod) {
  if (const auto key = job_of(pod)) return controller_.enqueue(*key);
  if (controller::controller_of(pod.metadata) != nullptr) return;
  for (const JobPtr& job : mirrors_.jobs.list(pod.metadata.namespace_)) {
    if (selects(*job, pod)) controller_.enqueue(controller::key_of(*job));
  }
  // Of a Job that is gone: its name is free, and looked at for what it has left behind.
  if (is_tracked(pod)) controller_.enqueue({pod.metadata.namespace_, ""});
}

bool JobController::is_claimed(const api::Pod& orphan) const {
  return std::ranges::any_of(mirrors_.jobs.list(orphan.metadata.namespace_),
                             [&orphan](const JobPtr& job) { return selects(*job, orphan); });
}

void JobController::start() {
  controller_.start({&mirrors_.jobs, &mirrors_.pods});
}

Task<Result<controller::Outcome>> JobController::reconcile(controller::Key key) {
  const JobPtr job = mirrors_.jobs.get(key);
  if (job && job->spec.managed_by.value_or(std::string(kThisController)) != kThisController)
    co_return controller::kDone;
  INSULA_CO_TRY(const std::vector<PodPtr> pods, co_await claim(std::move(key), job));
  if (!job) co_return controller::kDone;
  JobPlan plan = plan_job(*job, pods, clock_.wall());
  if (!(plan.status == job->status))
    INSULA_CO_TRY_VOID(co_await write_status(job, std::move(plan.status)));
  for (PodPtr& pod : plan.forget)
    INSULA_CO_TRY_VOID(co_await forget(std::move(pod)));
  for (const PodPtr& pod : plan.withdraw) {
    if (is_tracked(*pod)) INSULA_CO_TRY_VOID(co_await forget(pod));
    INSULA_CO_TRY_VOID(co_await remove(job, pod));
  }
  for (const PodPtr& pod : plan.remove)
    INSULA_CO_TRY_VOID(co_await remove(job, pod));
  INSULA_CO_TRY_VOID(co_await create_pods(job, plan));
  if (plan.expired) INSULA_CO_TRY_VOID(co_await expire(job));
  if (plan.again_after) co_return controller::again_after(*plan.again_after);
  co_return controller::kDone;
}

Task<Result<std::vector<PodPtr>>> JobController::claim(controller::Key key, JobPtr job) {
  std::vector<PodPtr> pods;
  for (PodPtr& pod : mirrors_.pods.by_index(by_owner_, key.text())) {
    const std::string uid = controller::controller_uid(pod->metadata);
    const bool is_own = job && uid == job->metadata.uid;
    if (is_own &&
        (!job->spec.selector || selects(*job, *pod) || job->metadata.deletion_timestamp)) {
      pods.push_back(std::move(pod));
    } else if (is_own) {
      INSULA_CO_TRY_VOID(co_await release(job, std::move(pod)));
    } else if (is_tracked(*pod)) {
      INSULA_CO_TRY_VOID(co_await forget(std::move(pod)));
    }
  }
  for (PodPtr& pod : mirrors_.pods.by_index(orphans_, key.name_space)) {
    // What is over and not tracked may have been counted before it was orphaned.
    const bool adoptable = job && !job->metadata.deletion_timestamp && !is_over(*job) &&
                           !pod->metadata.deletion_timestamp &&
                           (is_tracked(*pod) || !is_finished(*pod));
    if (adoptable && selects(*job, *pod)) {
      INSULA_CO_TRY(pods.emplace_back(), co_await adopt(job, std::move(pod)));
    } else if (is_tracked(*pod) && (!is_claimed(*pod) || pod->metadata.deletion_timestamp)) {
      INSULA_CO_TRY_VOID(co_await forget(std::move(pod)));
    }
  }
  co_return pods;
}

Task<Result<PodPtr>> JobController::adopt(JobPtr job, PodPtr pod) {
  // Not by the mirror's word: what a Job that is gone takes in would go with it.
  INSULA_CO_TRY(const api::Job now, co_await client::get<api::Job>(
                                        client_, job->metadata.namespace_, job->metadata.name));
  if (now.metadata.uid != job->metadata.uid || now.metadata.deletion_timestamp)
    co_return fail(ErrorCode::kConflict, "the Job is going or gone");
  api::Pod adopted = *pod;
  adopted.metadata.owner_references.push_back(controller::controlled_by(*job));
  if (!is_tracked(adopted)) adopted.metadata.finalizers.emplace_back(kJobTracking);
  INSULA_CO_TRY(api::Pod stored, co_await client::update(client_, std::move(adopted)));
  mirrors_.pods.observe(stored);
  co_return std::make_shared<const api::Pod>(std::move(stored));
}

Task<Result<>> JobController::release(JobPtr job, PodPtr pod) {
  api::Pod released = *pod;
  std::erase_if(released.metadata.owner_references, [&job](const api::OwnerReference& owner) {
    return owner.uid == job->metadata.uid;
  });
  std::erase(released.metadata.finalizers, kJobTracking);
  const Result<api::Pod> stored = co_await client::update(client_, std::move(released));
  if (!stored && stored.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(stored.error());
  if (stored) mirrors_.pods.observe(*stored);
  co_return Result<>{};
}

// With the resourceVersion that was read: an older view of the Job cannot count again what a newer
// one has counted.
Task<Result<>> JobController::write_status(JobPtr job, api::JobStatus status) {
  api::Job next = *job;
  next.status = std::move(status);
  INSULA_CO_TRY(const api::Job written, co_await client::update_status(client_, std::move(next)));
  mirrors_.jobs.observe(written);
  tell(written, job->status);
  co_return Result<>{};
}

void JobController::tell(const api::Job& job, const api::JobStatus& before) {
  for (const api::JobCondition& condition : job.status.conditions) {
    const auto old = std::ranges::find(before.conditions, condition.type, &api::JobCondition::type);
    if (old != before.conditions.end() && old->status == condition.status) continue;
    if (condition.type == "Complete") {
      events_.record(job, controller::EventType::kNormal, "Completed", "Job completed");
    } else if (condition.type == "Failed") {
      events_.record(job, controller::EventType::kWarning, condition.reason, condition.message);
    } else if (condition.type == "Suspended") {
      const bool held = condition.status == "True";
      events_.record(job, controller::EventType::kNormal, held ? "Suspended" : "Resumed",
                     condition.message);
    }
  }
}

Task<Result<>> JobController::forget(PodPtr pod) {
  const Result<api::Pod> written = co_await client::modify<api::Pod>(
      client_, pod->metadata.namespace_, pod->metadata.name,
      [uid = pod->metadata.uid](api::Pod& current) {
        return current.metadata.uid == uid &&
               std::erase(current.metadata.finalizers, kJobTracking) > 0;
      });
  if (written) {
    if (written->metadata.uid == pod->metadata.uid) mirrors_.pods.observe(*written);
    co_return Result<>{};
  }
  if (written.error().code() == ErrorCode::kNotFound) co_return Result<>{};
  co_return std::unexpected(written.error());
}

Task<Result<>> JobController::remove(JobPtr job, PodPtr pod) {
  client::DeleteOptions options;
  options.precondition_uid = pod->metadata.uid;
  client::Target target = client::target_of(*pod);
  const Result<std::string> answer = co_await client_.remove(std::move(target), std::move(options));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) co_return Result<>{};
    events_.record(*job, controller::EventType::kWarning, "FailedDelete",
                   "Error deleting: " + answer.error().message());
    co_return std::unexpected(answer.error());
  }
  // Until the watch says so, too: or the next reconcile would count the pod as running.
  const Result<api::Pod> terminating = api::decode_json<api::Pod>(std::string_view(*answer));
  if (terminating && terminating->metadata.deletion_timestamp) {
    mirrors_.pods.observe(*terminating);
  } else {
    mirrors_.pods.observe_gone(*pod);
  }
  events_.record(*job, controller::EventType::kNormal, "SuccessfulDelete",
                 "Deleted pod: " + pod->metadata.name);
  co_return Result<>{};
}

// In batches of 1, 2, 4, ...: when the server refuses the first, the others are not even asked for.
Task<Result<>> JobController::create_pods(JobPtr job, const JobPlan& plan) {
  std::size_t begun = 0;
  for (std::size_t batch = 1; begun < plan.create.size(); batch *= 2) {
    std::vector<Task<Result<>>> creates;
    for (; creates.size() < batch && begun < plan.create.size(); ++begun) {
      const std::optional<std::int32_t> index = plan.create[begun];
      const auto failed = index ? plan.failures.find(*index) : plan.failures.end();
      const IndexFailures failures =
          failed == plan.failures.end() ? IndexFailures{} : failed->second;
      creates.push_back(create_pod(job, pod_from_template(*job, index, failures)));
    }
    for (Result<>& created : co_await all(std::move(creates)))
      INSULA_CO_TRY_VOID(std::move(created));
  }
  co_return Result<>{};
}

Task<Result<>> JobController::create_pod(JobPtr job, api::Pod wanted) {
  const Result<api::Pod> pod = co_await client::create(client_, std::move(wanted));
  if (pod) {
    mirrors_.pods.observe(*pod);
    events_.record(*job, controller::EventType::kNormal, "SuccessfulCreate",
                   "Created pod: " + pod->metadata.name);
    co_return Result<>{};
  }
  // The Job goes with its namespace; nobody needs to hear about it.
  if (is_terminating_namespace(pod.error())) co_return Result<>{};
  events_.record(*job, controller::EventType::kWarning, "FailedCreate",
                 "Error creating: " + pod.error().message());
  co_return std::unexpected(pod.error());
}

Task<Result<>> JobController::expire(JobPtr job) {
  client::DeleteOptions options;
  options.precondition_uid = job->metadata.uid;
  options.propagation = client::Propagation::kForeground;
  const Result<> removed = co_await client::remove<api::Job>(
      client_, job->metadata.namespace_, job->metadata.name, std::move(options));
  if (!removed && removed.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(removed.error());
  co_return Result<>{};
}

}  // namespace insula::controllers
