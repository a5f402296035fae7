#pragma once

#include <string_view>

#include "json/value.h"

namespace insula::json {

/// What a value is in JSON: `object`, `array`, `string`, `number`, `bool` or `null`.
[[nodiscard]] std::string_view type_name(const Value& value);

}  // namespace insula::json
