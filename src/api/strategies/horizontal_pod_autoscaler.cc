#include "api/columns/autoscaling.h"
#include "api/defaulting/autoscaling.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/autoscaling.h"
#include "api/versions/versions.h"

namespace insula::api {

namespace {

/// A row of v1 is that of the object as it is stored, as far as v1 shows it.
std::vector<Cell> cells_of_v1(const void* object, WallTime now) {
  HorizontalPodAutoscaler stored;
  store(*static_cast<const HorizontalPodAutoscalerV1*>(object), stored);
  return cells(stored, now);
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<HorizontalPodAutoscaler>,
    .set_defaults = erased::change<HorizontalPodAutoscaler, set_defaults>,
    .prepare_for_create = erased::drop_status<HorizontalPodAutoscaler>,
    .prepare_for_update = erased::keep_other_half<HorizontalPodAutoscaler>,
    .validate = erased::check<HorizontalPodAutoscaler, validate>,
    .validate_update = erased::check_from<HorizontalPodAutoscaler, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("HorizontalPodAutoscaler", "nothing is scaled by it");
        },
    .columns = horizontal_pod_autoscaler_columns,
    .cells = erased::row<HorizontalPodAutoscaler, cells>,
};

constexpr KindStrategy kStrategyV1{
    .kind = kind_of<HorizontalPodAutoscalerV1>,
    .columns = horizontal_pod_autoscaler_columns,
    .cells = cells_of_v1,
};

}  // namespace

const KindStrategy& horizontal_pod_autoscaler_strategy() {
  return kStrategy;
}

const KindStrategy& horizontal_pod_autoscaler_v1_strategy() {
  return kStrategyV1;
}

}  // namespace insula::api
