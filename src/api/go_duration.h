#pragma once

#include <chrono>
#include <string_view>

#include "base/error.h"

namespace insula::api {

/// A length of time as Go writes it: `90s`, `1h30m`, `1.5h`, `-250ms`, `0`.
///
/// Errors: kInvalid, in Go's words, for what is none or longer than some 292 years.
/// Spec: Go's time.ParseDuration.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text);

}  // namespace insula::api
