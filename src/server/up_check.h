#pragma once

#include "base/error.h"
#include "server/platform.h"

namespace insula::server {

/// Looks at everything that `insula up` was told, before anything is touched or started: a value
/// that the node would refuse later is a mistake now.
///
/// Errors: kInvalid, naming the flag.
[[nodiscard]] Result<> check_options(const UpOptions& options);

}  // namespace insula::server
