#pragma once

#include "api/gen/flowcontrol_v1.h"

namespace insula::api {

void set_defaults(FlowSchema& object);
void set_defaults(PriorityLevelConfiguration& object);

}  // namespace insula::api
