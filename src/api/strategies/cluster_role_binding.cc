#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<ClusterRoleBinding>,
    .name_rule = NameRule::kPathSegment,
    .set_defaults = erased::change<ClusterRoleBinding, set_defaults>,
    .validate = erased::check<ClusterRoleBinding, validate>,
    .validate_update = erased::check_from<ClusterRoleBinding, validate_update>,
    .columns = role_binding_columns,
    .cells = erased::row<ClusterRoleBinding, cells>,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& cluster_role_binding_strategy() {
  return kStrategy;
}

}  // namespace insula::api
