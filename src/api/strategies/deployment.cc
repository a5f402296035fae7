#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/pod_support.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

/// Annotations count as well: rollout history keeps its change causes there.
bool changed(const void* object, const void* old) {
  const auto& now = *static_cast<const Deployment*>(object);
  const auto& before = *static_cast<const Deployment*>(old);
  return !(now.spec == before.spec && now.metadata.annotations == before.metadata.annotations);
}

void prepare_for_update(Deployment& object, const Deployment& old, std::string_view subresource) {
  if (subresource == "status") {
    object.spec = old.spec;
    object.metadata.labels = old.metadata.labels;
  } else {
    object.status = old.status;
  }
}

std::vector<std::string> warnings(const void* object) {
  return unsupported_fields(static_cast<const Deployment*>(object)->spec.template_.spec,
                            FieldPath("spec.template.spec"));
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<Deployment>,
    .set_defaults = erased::change<Deployment, set_defaults>,
    .prepare_for_create = erased::drop_status<Deployment>,
    .prepare_for_update = erased::change_from<Deployment, prepare_for_update>,
    .spec_changed = changed,
    .validate = erased::check<Deployment, validate>,
    .validate_update = erased::check_from<Deployment, validate_update>,
    .warnings = warnings,
    .columns = deployment_columns,
    .cells = erased::row<Deployment, cells>,
};

}  // namespace

const KindStrategy& deployment_strategy() {
  return kStrategy;
}

}  // namespace insula::api
