#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kStrategy{
    .kind = kind_of<RoleBinding>,
    .name_rule = NameRule::kPathSegment,
    .set_defaults = erased::change<RoleBinding, set_defaults>,
    .validate = erased::check<RoleBinding, validate>,
    .validate_update = erased::check_from<RoleBinding, validate_update>,
    .columns = role_binding_columns,
    .cells = erased::row<RoleBinding, cells>,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& role_binding_strategy() {
  return kStrategy;
}

}  // namespace insula::api
