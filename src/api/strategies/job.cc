#include <fmt/format.h>

#include "api/columns/batch.h"
#include "api/defaulting/batch.h"
#include "api/go_quoted.h"
#include "api/pod_support.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/batch.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"status.successful",
     [](const void* object) {
       return std::to_string(static_cast<const Job*>(object)->status.succeeded);
     }},
};

/// Pods carry the Job's uid and are found by it: no other object can lay hands on them. Conflicting
/// labels of the user are for validation to refuse.
void select_by_uid(Job& object) {
  auto& labels = object.spec.template_.metadata.labels;
  for (const char* key : {"job-name", "batch.kubernetes.io/job-name"})
    labels.emplace(key, object.metadata.name);
  for (const char* key : {"controller-uid", "batch.kubernetes.io/controller-uid"})
    labels.emplace(key, object.metadata.uid);
  object.spec.selector.ensure().match_labels.emplace("batch.kubernetes.io/controller-uid",
                                                     object.metadata.uid);
}

/// Without labels of its own a Job gets its template's, if there are any.
void prepare_for_create(Job& object) {
  object.status = {};
  const auto& labels = object.spec.template_.metadata.labels;
  const bool from_template = object.metadata.labels.empty() && !labels.empty();
  if (!object.spec.manual_selector.value_or(false)) select_by_uid(object);
  if (from_template) object.metadata.labels = labels;
}

void prepare_for_update(Job& object, const Job& old, std::string_view subresource) {
  erased::keep_other_half<Job>(&object, &old, subresource);
  if (subresource.empty() && object.metadata.labels.empty())
    object.metadata.labels = object.spec.template_.metadata.labels;
}

std::vector<std::string> warnings(const void* object) {
  const JobSpec& spec = static_cast<const Job*>(object)->spec;
  return unsupported_fields(spec.template_.spec, FieldPath("spec.template.spec"));
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<Job>,
    .set_defaults = erased::change<Job, set_defaults>,
    .prepare_for_create = erased::change<Job, prepare_for_create>,
    .prepare_for_update = erased::change_from<Job, prepare_for_update>,
    .spec_changed = erased::spec_changed<Job>,
    .validate = erased::check<Job, validate>,
    .validate_update = erased::check_from<Job, validate_update>,
    .warnings = warnings,
    .columns = job_columns,
    .cells = erased::row<Job, cells>,
    .selectable_fields = kFields,
    .unknown_field =
        [](std::string_view field) {
          return fmt::format("field label {} not supported for Job", go_quoted(field));
        },
};

}  // namespace

const KindStrategy& job_strategy() {
  return kStrategy;
}

}  // namespace insula::api
