#pragma once

#include "cel/function.h"

namespace insula::api {

/// Adds the functions of formats that have a name: `format.named`, `format.dns1123Label`, ... and
/// `validate`.
/// Spec: Kubernetes, "Common Expression Language in Kubernetes", Kubernetes format library.
void add_formats(cel::FunctionTable& table);

}  // namespace insula::api
