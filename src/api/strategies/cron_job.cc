#include "api/columns/batch.h"
#include "api/defaulting/batch.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/batch.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<CronJob>,
    .set_defaults = erased::change<CronJob, set_defaults>,
    .prepare_for_create = erased::drop_status<CronJob>,
    .prepare_for_update = erased::keep_other_half<CronJob>,
    .spec_changed = erased::spec_changed<CronJob>,
    .validate = erased::check<CronJob, validate>,
    .validate_create = erased::check<CronJob, validate_create>,
    .warnings = [](const void*) { return erased::not_acted_on("CronJob", "it makes no Jobs"); },
    .columns = cron_job_columns,
    .cells = erased::row<CronJob, cells>,
};

}  // namespace

const KindStrategy& cron_job_strategy() {
  return kStrategy;
}

}  // namespace insula::api
