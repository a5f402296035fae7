#pragma once

#include <memory>
#include <vector>

#include "api/accepted_specs.h"
#include "api/routing.h"

namespace insula::controllers {

/// What is to be remembered of routes and Gateways that are accepted as they are, and is not yet.
[[nodiscard]] std::vector<api::ControllerRevision> fresh_records(const api::Routing& routing,
                                                                 const api::AcceptedSpecs& known);

/// Records that a newer one has replaced, or whose object is gone.
[[nodiscard]] api::AcceptedRecords outlived_records(const api::RoutingObjects& objects);

}  // namespace insula::controllers
