#pragma once

#include <optional>
#include <string_view>

#include "cel/time.h"

namespace insula::cel {

/// A length of time as schemas with `format: duration` take it: Go's notation, or numbers with
/// words, `5 days` or `1 week 2 hrs`, between which anything may stand.
/// Spec: kube-openapi, pkg/validation/strfmt, ParseDuration.
[[nodiscard]] std::optional<Duration> parse_loose_duration(std::string_view text);

}  // namespace insula::cel
