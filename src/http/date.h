#pragma once

#include <string>

#include "base/clock.h"

namespace insula::http {

/// `Sun, 06 Nov 1994 08:49:37 GMT`, in whole seconds. Spec: RFC 9110 §5.6.7.
[[nodiscard]] std::string date_text(WallTime time);

}  // namespace insula::http
