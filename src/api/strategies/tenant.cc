#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"status.phase",
     [](const void* object) { return static_cast<const Tenant*>(object)->status.phase; }},
};

constexpr KindStrategy kStrategy{
    .kind = kind_of<Tenant>,
    // The name is a path segment at the gateway and the name of a namespace.
    .name_rule = NameRule::kDnsLabel,
    .set_defaults = erased::change<Tenant, set_defaults>,
    .prepare_for_create = erased::drop_status<Tenant>,
    .prepare_for_update = erased::keep_other_half<Tenant>,
    .spec_changed = erased::spec_changed<Tenant>,
    .validate = erased::check<Tenant, validate>,
    .validate_update = erased::check_from<Tenant, validate_update>,
    .columns = tenant_columns,
    .cells = erased::row<Tenant, cells>,
    .selectable_fields = kFields,
};

}  // namespace

const KindStrategy& tenant_strategy() {
  return kStrategy;
}

}  // namespace insula::api
