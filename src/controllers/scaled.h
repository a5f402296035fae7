#pragma once

#include <cstdint>

#include "api/int_or_string.h"

namespace insula::controllers {

enum class Rounding : std::uint8_t { kUp, kDown };

/// A number as it is, a percentage as that part of `of`. Requires: the value has been validated.
[[nodiscard]] std::int32_t scaled(const api::IntOrString& value,
                                  std::int32_t of,
                                  Rounding rounding);

}  // namespace insula::controllers
