#include "api/columns/flow_control.h"

#include "api/defaulting/flow_control.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/flow_control.h"

namespace insula::api {

namespace {

constexpr KindStrategy kFlowSchema{
    .kind = kind_of<FlowSchema>,
    .set_defaults = erased::change<FlowSchema, set_defaults>,
    .prepare_for_create = erased::drop_status<FlowSchema>,
    .prepare_for_update = erased::keep_all_but_half<FlowSchema>,
    .spec_changed = erased::spec_changed<FlowSchema>,
    .validate = erased::check<FlowSchema, validate>,
    .columns = flow_schema_columns,
    .cells = erased::row<FlowSchema, cells>,
};

constexpr KindStrategy kPriorityLevelConfiguration{
    .kind = kind_of<PriorityLevelConfiguration>,
    .set_defaults = erased::change<PriorityLevelConfiguration, set_defaults>,
    .prepare_for_create = erased::drop_status<PriorityLevelConfiguration>,
    .prepare_for_update = erased::keep_all_but_half<PriorityLevelConfiguration>,
    .spec_changed = erased::spec_changed<PriorityLevelConfiguration>,
    .validate = erased::check<PriorityLevelConfiguration, validate>,
    .columns = priority_level_columns,
    .cells = erased::row<PriorityLevelConfiguration, cells>,
};

}  // namespace

const KindStrategy& flow_schema_strategy() {
  return kFlowSchema;
}

const KindStrategy& priority_level_configuration_strategy() {
  return kPriorityLevelConfiguration;
}

}  // namespace insula::api
