#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

bool changed(const void* object, const void* old) {
  return !(static_cast<const PodTemplate*>(object)->template_ ==
           static_cast<const PodTemplate*>(old)->template_);
}

/// Without a Warning: a template is kept for whoever reads it, and says so.
constexpr KindStrategy kStrategy{
    .kind = kind_of<PodTemplate>,
    .set_defaults = erased::change<PodTemplate, set_defaults>,
    .spec_changed = changed,
    .validate = erased::check<PodTemplate, validate>,
    .columns = pod_template_columns,
    .cells = erased::row<PodTemplate, cells>,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& pod_template_strategy() {
  return kStrategy;
}

}  // namespace insula::api
