#include "api/defaulting/classes.h"

#include "api/defaulting/set.h"

namespace insula::api {

void set_defaults(PriorityClass& object) {
  set_if_absent(object.preemption_policy, "PreemptLowerPriority");
}

}  // namespace insula::api
