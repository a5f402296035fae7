#pragma once

#include <string_view>

#include "json/value.h"

namespace insula::json {

/// What a value is, as Kubernetes' decoder names it: `object`, `array`, `string`, `number`, `bool`
/// or `null`. Schemas have other names (`boolean`, `integer`).
[[nodiscard]] std::string_view type_name(const Value& value);

}  // namespace insula::json
