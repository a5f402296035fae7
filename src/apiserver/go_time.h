#pragma once

#include <string_view>

#include "base/error.h"

namespace insula::apiserver {

/// Whether a text is a time of RFC 3339. Errors: kBadRequest with where it ends to be one, in the
/// words of Go's time.Parse().
[[nodiscard]] Result<> check_go_time(std::string_view text);

}  // namespace insula::apiserver
