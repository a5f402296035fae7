#pragma once

#include "api/gen/discovery_v1.h"
#include "controller/informer.h"
#include "controllers/endpoints/plan.h"

namespace insula::controllers {

/// Does what the plan says, and puts the answers into the mirror. Lifetime: both outlive the task.
Task<Result<>> apply_slices(client::Client& client,
                            controller::Informer<api::EndpointSlice>& slices,
                            SlicePlan plan);

}  // namespace insula::controllers
