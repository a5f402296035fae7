#pragma once

#include "cel/function.h"

namespace insula::api {

/// The functions that expressions of custom kinds and policies can call: cel::standard_functions()
/// and those of quantities and formats, which are this library's.
///
/// Threads: const.
/// Spec: Kubernetes, "Common Expression Language in Kubernetes", Kubernetes quantity library.
[[nodiscard]] const cel::FunctionTable& expression_functions();

}  // namespace insula::api
