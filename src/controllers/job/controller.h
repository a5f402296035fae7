#pragma once

#include <optional>
#include <vector>

#include "api/gen/batch_v1.h"
#include "api/gen/core_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "controllers/job/plan.h"

namespace insula::controllers {

/// Runs each Job's pods until enough of them have succeeded or too many have failed, counts each
/// once, and deletes the Job when its time to live is over.
///
/// Pods carry a finalizer until they are counted; where the Job is gone, or another of its name has
/// come, the finalizer is taken off what the old one left. Jobs that name another controller in
/// managedBy are left alone.
class JobController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::Job>& jobs;
    controller::Informer<api::Pod>& pods;
  };

  JobController(client::Client& client,
                const controller::Runtime& runtime,
                Mirrors mirrors,
                controller::EventRecorder& events);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using JobPtr = controller::Informer<api::Job>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  /// Has the Jobs looked at that a pod belongs to, or may belong to.
  void enqueue_jobs_of(const api::Pod& pod);
  [[nodiscard]] bool is_claimed(const api::Pod& orphan) const;
  /// The pods that the Job controls, after adopting those that are its own and belong to nobody,
  /// and giving up those whose labels have become others. Pods that no Job counts any more are let
  /// go.
  Task<Result<std::vector<PodPtr>>> claim(controller::Key key, JobPtr job);
  Task<Result<PodPtr>> adopt(JobPtr job, PodPtr pod);
  Task<Result<>> release(JobPtr job, PodPtr pod);
  Task<Result<>> write_status(JobPtr job, api::JobStatus status);
  void tell(const api::Job& job, const api::JobStatus& before);
  /// Takes the finalizer off a pod.
  Task<Result<>> forget(PodPtr pod);
  Task<Result<>> remove(JobPtr job, PodPtr pod);
  /// The first failure, after which no further batch is started.
  Task<Result<>> create_pods(JobPtr job, const JobPlan& plan);
  Task<Result<>> create_pod(JobPtr job, api::Pod wanted);
  Task<Result<>> expire(JobPtr job);

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  controller::Informer<api::Pod>::IndexId by_owner_;
  controller::Informer<api::Pod>::IndexId orphans_;  // by namespace
  controller::Controller controller_;
};

}  // namespace insula::controllers
