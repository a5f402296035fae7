#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"type", [](const void* object) { return static_cast<const Secret*>(object)->type; }},
};

constexpr KindStrategy kStrategy{
    .kind = kind_of<Secret>,
    .set_defaults = erased::change<Secret, set_defaults>,
    .validate = erased::check<Secret, validate>,
    .validate_update = erased::check_from<Secret, validate_update>,
    .columns = secret_columns,
    .cells = erased::row<Secret, cells>,
    .selectable_fields = kFields,
};

}  // namespace

const KindStrategy& secret_strategy() {
  return kStrategy;
}

}  // namespace insula::api
