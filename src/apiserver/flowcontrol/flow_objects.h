#pragma once

#include "apiserver/registry.h"
#include "async/task.h"
#include "base/error.h"
#include "telemetry/log.h"

namespace insula::apiserver {

/// Makes the mandatory and the suggested flow schemas and priority levels (api/flow_control.h) that
/// are missing. Those that are there get the spec that the server has for them, but for what an
/// administrator has set aside in the level `exempt`, and for suggested ones whose annotation
/// api::kAutoUpdateSpec says "false", or that were changed and say nothing. Other objects whose
/// annotation says "true" were suggested once, and are removed.
///
/// Errors: the registry's.
Task<Result<>> reconcile_flow_objects(Registry& registry);

/// Says in each flow schema's condition `Dangling` whether its priority level exists.
/// Errors: the registry's.
Task<Result<>> mark_dangling(Registry& registry);

/// Does both a moment after one of the objects has changed, and each minute, until cancelled.
Task<> keep_flow_objects(Registry& registry, Log log);

}  // namespace insula::apiserver
