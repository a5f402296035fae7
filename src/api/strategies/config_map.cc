#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<ConfigMap>,
    .validate = erased::check<ConfigMap, validate>,
    .validate_update = erased::check_from<ConfigMap, validate_update>,
    .columns = config_map_columns,
    .cells = erased::row<ConfigMap, cells>,
};

}  // namespace

const KindStrategy& config_map_strategy() {
  return kStrategy;
}

}  // namespace insula::api
