#pragma once

#include <optional>
#include <string_view>

#include "json/value.h"

namespace insula::json {

/// What a plain YAML scalar means; see parse_yaml(). nullopt for .inf and .nan, which JSON lacks.
[[nodiscard]] std::optional<Value> plain_scalar(std::string_view text);

}  // namespace insula::json
