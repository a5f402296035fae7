#include <algorithm>

#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"status.phase",
     [](const void* object) { return static_cast<const Namespace*>(object)->status.phase; }},
};

/// A namespace goes when its content is gone, which this finalizer stands for.
constexpr std::string_view kFinalizer = "kubernetes";

void prepare_for_create(Namespace& object) {
  object.status = {.phase = "Active"};
  std::vector<std::string>& finalizers = object.spec.finalizers;
  if (std::ranges::find(finalizers, kFinalizer) == finalizers.end())
    finalizers.emplace_back(kFinalizer);
}

void prepare_for_update(Namespace& object, const Namespace& old, std::string_view subresource) {
  if (subresource != "finalize") object.spec = old.spec;
  if (subresource != "status") object.status = old.status;
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<Namespace>,
    .name_rule = NameRule::kDnsLabel,
    .set_defaults = erased::change<Namespace, set_defaults>,
    .prepare_for_create = erased::change<Namespace, prepare_for_create>,
    .prepare_for_update = erased::change_from<Namespace, prepare_for_update>,
    .validate = erased::check<Namespace, validate>,
    .validate_update = erased::check_from<Namespace, validate_update>,
    .columns = namespace_columns,
    .cells = erased::row<Namespace, cells>,
    .selectable_fields = kFields,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& namespace_strategy() {
  return kStrategy;
}

}  // namespace insula::api
