#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/pod_support.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

std::vector<std::string> warnings(const void* object) {
  return unsupported_fields(static_cast<const ReplicaSet*>(object)->spec.template_.spec,
                            FieldPath("spec.template.spec"));
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<ReplicaSet>,
    .set_defaults = erased::change<ReplicaSet, set_defaults>,
    .prepare_for_create = erased::drop_status<ReplicaSet>,
    .prepare_for_update = erased::keep_other_half<ReplicaSet>,
    .spec_changed = erased::spec_changed<ReplicaSet>,
    .validate = erased::check<ReplicaSet, validate>,
    .validate_update = erased::check_from<ReplicaSet, validate_update>,
    .warnings = warnings,
    .columns = replica_set_columns,
    .cells = erased::row<ReplicaSet, cells>,
};

}  // namespace

const KindStrategy& replica_set_strategy() {
  return kStrategy;
}

}  // namespace insula::api
