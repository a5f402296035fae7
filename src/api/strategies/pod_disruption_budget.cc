#include "api/columns/policy.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/policy.h"

namespace insula::api {

namespace {

constexpr KindStrategy kPodDisruptionBudget{
    .kind = kind_of<PodDisruptionBudget>,
    .prepare_for_create = erased::drop_status<PodDisruptionBudget>,
    .prepare_for_update = erased::keep_other_half<PodDisruptionBudget>,
    .spec_changed = erased::spec_changed<PodDisruptionBudget>,
    .validate = erased::check<PodDisruptionBudget, validate>,
    .validate_update = erased::check_from<PodDisruptionBudget, validate_update>,
    .columns = pod_disruption_budget_columns,
    .cells = erased::row<PodDisruptionBudget, cells>,
    .unconditional_update = false,
};

}  // namespace

const KindStrategy& pod_disruption_budget_strategy() {
  return kPodDisruptionBudget;
}

}  // namespace insula::api
