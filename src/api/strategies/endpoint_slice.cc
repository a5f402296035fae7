#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

/// Everything but metadata is what a slice says.
bool changed(const void* object, const void* old) {
  const auto& now = *static_cast<const EndpointSlice*>(object);
  const auto& before = *static_cast<const EndpointSlice*>(old);
  return !(now.address_type == before.address_type && now.endpoints == before.endpoints &&
           now.ports == before.ports);
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<EndpointSlice>,
    .set_defaults = erased::change<EndpointSlice, set_defaults>,
    .spec_changed = changed,
    .validate = erased::check<EndpointSlice, validate>,
    .validate_update = erased::check_from<EndpointSlice, validate_update>,
    .columns = endpoint_slice_columns,
    .cells = erased::row<EndpointSlice, cells>,
};

}  // namespace

const KindStrategy& endpoint_slice_strategy() {
  return kStrategy;
}

}  // namespace insula::api
