#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<Endpoints>,
    .set_defaults = erased::change<Endpoints, set_defaults>,
    .validate = erased::check<Endpoints, validate>,
    .columns = endpoints_columns,
    .cells = erased::row<Endpoints, cells>,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& endpoints_strategy() {
  return kStrategy;
}

}  // namespace insula::api
