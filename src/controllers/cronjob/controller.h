#pragma once

#include <vector>

#include "api/gen/batch_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "controllers/cronjob/plan.h"

namespace insula::controllers {

/// Makes each CronJob's Jobs at the times of its schedule, and deletes those that have ended and
/// are more than it keeps.
class CronJobController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<api::CronJob>& cron_jobs;
    controller::Informer<api::Job>& jobs;
  };

  CronJobController(client::Client& client,
                    const controller::Runtime& runtime,
                    Mirrors mirrors,
                    controller::EventRecorder& events);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using CronJobPtr = controller::Informer<api::CronJob>::Object;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  void tell(const api::CronJob& cron, const std::vector<CronJobNote>& notes);
  /// Adds the Job to the status.
  Task<Result<>> create_job(CronJobPtr cron, api::Time scheduled, api::CronJobStatus& status);
  Task<Result<>> remove(CronJobPtr cron, std::vector<JobPtr> jobs);
  Task<Result<>> write_status(CronJobPtr cron, api::CronJobStatus status);

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  controller::Informer<api::Job>::IndexId by_owner_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
