#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<Lease>,
    .validate = erased::check<Lease, validate>,
    .columns = lease_columns,
    .cells = erased::row<Lease, cells>,
    .unconditional_update = false,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& lease_strategy() {
  return kStrategy;
}

}  // namespace insula::api
