#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"spec.unschedulable",
     [](const void* object) {
       return std::string(static_cast<const Node*>(object)->spec.unschedulable ? "true" : "false");
     }},
};

constexpr KindStrategy kStrategy{
    .kind = kind_of<Node>,
    .set_defaults = erased::change<Node, set_defaults>,
    // A node registers itself with its status, so creation keeps it.
    .prepare_for_update = erased::keep_other_half<Node>,
    .validate = erased::check<Node, validate>,
    .validate_update = erased::check_from<Node, validate_update>,
    .columns = node_columns,
    .cells = erased::row<Node, cells>,
    .selectable_fields = kFields,
};

}  // namespace

const KindStrategy& node_strategy() {
  return kStrategy;
}

}  // namespace insula::api
