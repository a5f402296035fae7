#include <cstdint>
#include <string>
#include <string_view>

#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"
#include "base/number.h"

namespace insula::api {

namespace {

/// Counts the templates there were, for the oldest clients; the server's alone to write.
constexpr const char* kTemplateGeneration = "deprecated.daemonset.template.generation";

void prepare_for_create(void* object) {
  erased::drop_status<DaemonSet>(object);
  static_cast<DaemonSet*>(object)->metadata.annotations[kTemplateGeneration] = "1";
}

void prepare_for_update(void* object, const void* old, std::string_view subresource) {
  erased::keep_other_half<DaemonSet>(object, old, subresource);
  auto& now = *static_cast<DaemonSet*>(object);
  const auto& before = *static_cast<const DaemonSet*>(old);
  const auto counted = before.metadata.annotations.find(kTemplateGeneration);
  const bool is_counted = counted != before.metadata.annotations.end();
  std::int64_t generation = is_counted ? parse_whole<std::int64_t>(counted->second).value_or(0) : 0;
  if (now.spec.template_ != before.spec.template_) ++generation;
  if (generation > 0) now.metadata.annotations[kTemplateGeneration] = std::to_string(generation);
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<DaemonSet>,
    .set_defaults = erased::change<DaemonSet, set_defaults>,
    .prepare_for_create = prepare_for_create,
    .prepare_for_update = prepare_for_update,
    .spec_changed = erased::spec_changed<DaemonSet>,
    .validate = erased::check<DaemonSet, validate>,
    .validate_update = erased::check_from<DaemonSet, validate_update>,
    .warnings = [](const void*) { return erased::not_acted_on("DaemonSet", "it has no pods"); },
    .columns = daemon_set_columns,
    .cells = erased::row<DaemonSet, cells>,
};

}  // namespace

const KindStrategy& daemon_set_strategy() {
  return kStrategy;
}

}  // namespace insula::api
