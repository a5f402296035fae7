#pragma once

#include <memory>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/error.h"
#include "node/run.h"
#include "node/runtime.h"
#include "telemetry/log.h"

namespace insula::node {

/// The runtime that the options ask for; with kAuto the best that works here, found out by running
/// a container with everything that pods get.
///
/// Errors: kUnavailable when a runtime was named and does not work, with the reason.
Task<Result<std::unique_ptr<Runtime>>> choose_runtime(const NodeOptions& options,
                                                      BlockingPool& pool,
                                                      Log log);

}  // namespace insula::node
