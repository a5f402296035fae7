#pragma once

#include "api/gen/apiextensions_v1.h"

namespace insula::api {

/// As defaults.h has them for other kinds. Members of schemas that are no keywords are taken off.
void set_defaults(CustomResourceDefinition& object);

}  // namespace insula::api
