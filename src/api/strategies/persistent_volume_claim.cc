#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/storage.h"

namespace insula::api {

namespace {

/// Each of the two ways to name a source of data is filled in from the other.
void align_data_sources(PersistentVolumeClaimSpec& spec) {
  if (spec.data_source && !spec.data_source_ref) {
    spec.data_source_ref.emplace(TypedObjectReference{.api_group = spec.data_source->api_group,
                                                      .kind = spec.data_source->kind,
                                                      .name = spec.data_source->name,
                                                      .namespace_ = {}});
  } else if (spec.data_source_ref && !spec.data_source &&
             spec.data_source_ref->namespace_.value_or("").empty()) {
    spec.data_source.emplace(TypedLocalObjectReference{.api_group = spec.data_source_ref->api_group,
                                                       .kind = spec.data_source_ref->kind,
                                                       .name = spec.data_source_ref->name});
  }
}

void prepare_for_create(PersistentVolumeClaim& object) {
  object.status = {};
  object.status.phase = "Pending";
  align_data_sources(object.spec);
}

void prepare_for_update(PersistentVolumeClaim& object,
                        const PersistentVolumeClaim& old,
                        std::string_view subresource) {
  erased::keep_other_half<PersistentVolumeClaim>(&object, &old, subresource);
  align_data_sources(object.spec);
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<PersistentVolumeClaim>,
    .set_defaults = erased::change<PersistentVolumeClaim, set_defaults>,
    .prepare_for_create = erased::change<PersistentVolumeClaim, prepare_for_create>,
    .prepare_for_update = erased::change_from<PersistentVolumeClaim, prepare_for_update>,
    .validate = erased::check<PersistentVolumeClaim, validate>,
    .validate_update = erased::check_from<PersistentVolumeClaim, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("PersistentVolumeClaim",
                                      "no volume is made for it or bound to it");
        },
    .columns = persistent_volume_claim_columns,
    .cells = erased::row<PersistentVolumeClaim, cells>,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& persistent_volume_claim_strategy() {
  return kStrategy;
}

}  // namespace insula::api
