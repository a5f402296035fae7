#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<DaemonSet>,
    .set_defaults = erased::change<DaemonSet, set_defaults>,
    .prepare_for_create = erased::drop_status<DaemonSet>,
    .prepare_for_update = erased::keep_other_half<DaemonSet>,
    .spec_changed = erased::spec_changed<DaemonSet>,
    .validate = erased::check<DaemonSet, validate>,
    .validate_update = erased::check_from<DaemonSet, validate_update>,
    .warnings = [](const void*) { return erased::not_acted_on("DaemonSet", "it has no pods"); },
    .columns = daemon_set_columns,
    .cells = erased::row<DaemonSet, cells>,
};

}  // namespace

const KindStrategy& daemon_set_strategy() {
  return kStrategy;
}

}  // namespace insula::api
