#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<ClusterRole>,
    .name_rule = NameRule::kPathSegment,
    .validate = erased::check<ClusterRole, validate>,
    .columns = role_columns,
    .cells = erased::row<ClusterRole, cells>,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& cluster_role_strategy() {
  return kStrategy;
}

}  // namespace insula::api
