#include "api/columns/batch.h"
#include "api/cron_schedule.h"
#include "api/defaulting/batch.h"
#include "api/pod_support.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/batch.h"

namespace insula::api {

namespace {

std::vector<std::string> warnings(const void* object) {
  const CronJobSpec& spec = static_cast<const CronJob*>(object)->spec;
  std::vector<std::string> out = unsupported_fields(
      spec.job_template.spec.template_.spec, FieldPath("spec.jobTemplate.spec.template.spec"));
  if (spec.time_zone && !is_universal_time(*spec.time_zone)) {
    out.push_back("spec.timeZone: \"" + *spec.time_zone +
                  "\" is not acted on by this server yet: schedules are read as Etc/UTC, and a "
                  "CronJob with another zone makes no Jobs");
  }
  return out;
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<CronJob>,
    .set_defaults = erased::change<CronJob, set_defaults>,
    .prepare_for_create = erased::drop_status<CronJob>,
    .prepare_for_update = erased::keep_other_half<CronJob>,
    .spec_changed = erased::spec_changed<CronJob>,
    .validate = erased::check<CronJob, validate>,
    .validate_create = erased::check<CronJob, validate_create>,
    .warnings = warnings,
    .columns = cron_job_columns,
    .cells = erased::row<CronJob, cells>,
};

}  // namespace

const KindStrategy& cron_job_strategy() {
  return kStrategy;
}

}  // namespace insula::api
