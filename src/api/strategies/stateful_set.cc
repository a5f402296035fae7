#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<StatefulSet>,
    // Pods are called after the set, so its name must be one that they can have.
    .name_rule = NameRule::kDnsLabel,
    .set_defaults = erased::change<StatefulSet, set_defaults>,
    .prepare_for_create = erased::drop_status<StatefulSet>,
    .prepare_for_update = erased::keep_other_half<StatefulSet>,
    .spec_changed = erased::spec_changed<StatefulSet>,
    .validate = erased::check<StatefulSet, validate>,
    .validate_create = erased::check<StatefulSet, validate_create>,
    .validate_update = erased::check_from<StatefulSet, validate_update>,
    .warnings = [](const void*) { return erased::not_acted_on("StatefulSet", "it has no pods"); },
    .columns = stateful_set_columns,
    .cells = erased::row<StatefulSet, cells>,
};

}  // namespace

const KindStrategy& stateful_set_strategy() {
  return kStrategy;
}

}  // namespace insula::api
