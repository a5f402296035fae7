#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"status.replicas",
     [](const void* object) {
       return std::to_string(static_cast<const ReplicationController*>(object)->status.replicas);
     }},
};

constexpr KindStrategy kStrategy{
    .kind = kind_of<ReplicationController>,
    .set_defaults = erased::change<ReplicationController, set_defaults>,
    .prepare_for_create = erased::drop_status<ReplicationController>,
    .prepare_for_update = erased::keep_other_half<ReplicationController>,
    .spec_changed = erased::spec_changed<ReplicationController>,
    .validate = erased::check<ReplicationController, validate>,
    .validate_update = erased::check_from<ReplicationController, validate_update>,
    .columns = replication_controller_columns,
    .cells = erased::row<ReplicationController, cells>,
    .selectable_fields = kFields,
};

}  // namespace

const KindStrategy& replication_controller_strategy() {
  return kStrategy;
}

}  // namespace insula::api
