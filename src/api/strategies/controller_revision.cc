#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

/// Without a Warning: those who make revisions read them, too.
constexpr KindStrategy kStrategy{
    .kind = kind_of<ControllerRevision>,
    .validate = erased::check<ControllerRevision, validate>,
    .validate_create = erased::check<ControllerRevision, validate_create>,
    .validate_update = erased::check_from<ControllerRevision, validate_update>,
    .columns = controller_revision_columns,
    .cells = erased::row<ControllerRevision, cells>,
};

}  // namespace

const KindStrategy& controller_revision_strategy() {
  return kStrategy;
}

}  // namespace insula::api
