#pragma once

#include "api/gen/apiextensions_v1.h"
#include "api/kind.h"

namespace insula::api {

/// A CustomResourceDefinition that tells of a kind which is built in, for who looks for the kinds
/// of a product among the definitions. The kind is served by its own table all the same.
[[nodiscard]] CustomResourceDefinition published_definition(const Kind& kind);

}  // namespace insula::api
