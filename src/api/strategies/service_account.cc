#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<ServiceAccount>,
    .columns = service_account_columns,
    .cells = erased::row<ServiceAccount, cells>,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& service_account_strategy() {
  return kStrategy;
}

}  // namespace insula::api
