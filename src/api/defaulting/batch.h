#pragma once

#include "api/gen/batch_v1.h"

namespace insula::api {

/// As defaults.h has them for other kinds.
void set_defaults(Job& object);
void set_defaults(CronJob& object);

}  // namespace insula::api
