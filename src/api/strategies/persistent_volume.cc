#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/storage.h"

namespace insula::api {

namespace {

void prepare_for_create(PersistentVolume& object) {
  object.status = {.phase = "Pending",
                   .message = {},
                   .reason = {},
                   .last_phase_transition_time = object.metadata.creation_timestamp};
}

void prepare_for_update(PersistentVolume& object,
                        const PersistentVolume& old,
                        std::string_view subresource) {
  erased::keep_other_half<PersistentVolume>(&object, &old, subresource);
  if (!object.status.last_phase_transition_time && object.status.phase == old.status.phase)
    object.status.last_phase_transition_time = old.status.last_phase_transition_time;
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<PersistentVolume>,
    .set_defaults = erased::change<PersistentVolume, set_defaults>,
    .prepare_for_create = erased::change<PersistentVolume, prepare_for_create>,
    .prepare_for_update = erased::change_from<PersistentVolume, prepare_for_update>,
    .validate = erased::check<PersistentVolume, validate>,
    .validate_update = erased::check_from<PersistentVolume, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("PersistentVolume", "no claim is bound to it");
        },
    .columns = persistent_volume_columns,
    .cells = erased::row<PersistentVolume, cells>,
    .returns_deleted = true,
};

}  // namespace

const KindStrategy& persistent_volume_strategy() {
  return kStrategy;
}

}  // namespace insula::api
