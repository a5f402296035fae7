#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<ResourceQuota>,
    .prepare_for_create = erased::drop_status<ResourceQuota>,
    .prepare_for_update = erased::keep_other_half<ResourceQuota>,
    .validate = erased::check<ResourceQuota, validate>,
    .validate_update = erased::check_from<ResourceQuota, validate_update>,
    .columns = resource_quota_columns,
    .cells = erased::row<ResourceQuota, cells>,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& resource_quota_strategy() {
  return kStrategy;
}

}  // namespace insula::api
