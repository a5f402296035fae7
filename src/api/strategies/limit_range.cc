#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<LimitRange>,
    .set_defaults = erased::change<LimitRange, set_defaults>,
    .validate = erased::check<LimitRange, validate>,
    .columns = limit_range_columns,
    .cells = erased::row<LimitRange, cells>,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& limit_range_strategy() {
  return kStrategy;
}

}  // namespace insula::api
