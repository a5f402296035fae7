#pragma once

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/litellm.h"
#include "client/client.h"

namespace insula::cli {

/// Writes what an import came to: makes the tenant if there is none, and waits until it is ready;
/// adds the keys to its Secret, the models to its list and the prices to the platform's, in place
/// of those of the same name. What else there is stays.
///
/// Errors: the API's; kInvalid for a price in another currency than the others; kTimeout when the
/// tenant is not ready in time.
Task<Result<>> apply_litellm(client::Client& client, LitellmImport import, Deadline deadline);

}  // namespace insula::cli
