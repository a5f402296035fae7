#include "api/columns/classes.h"

#include "api/defaulting/classes.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/classes.h"

namespace insula::api {

namespace {

constexpr KindStrategy kPriorityClass{
    .kind = kind_of<PriorityClass>,
    .set_defaults = erased::change<PriorityClass, set_defaults>,
    .spec_changed = [](const void*, const void*) { return false; },
    .validate_create = erased::check<PriorityClass, validate>,
    .validate_update = erased::check_from<PriorityClass, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on(
              "PriorityClass",
              "pods get its value, and are placed in the order in which they come");
        },
    .columns = priority_class_columns,
    .cells = erased::row<PriorityClass, cells>,
};

constexpr KindStrategy kRuntimeClass{
    .kind = kind_of<RuntimeClass>,
    .validate = erased::check<RuntimeClass, validate>,
    .validate_update = erased::check_from<RuntimeClass, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("RuntimeClass", "pods that name it are refused");
        },
    .columns = runtime_class_columns,
    .cells = erased::row<RuntimeClass, cells>,
    .unconditional_update = false,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& priority_class_strategy() {
  return kPriorityClass;
}

const KindStrategy& runtime_class_strategy() {
  return kRuntimeClass;
}

}  // namespace insula::api
