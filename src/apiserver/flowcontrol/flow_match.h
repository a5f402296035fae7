#pragma once

#include <string>

#include "api/gen/flowcontrol_v1.h"
#include "apiserver/request_info.h"
#include "apiserver/user.h"

namespace insula::apiserver {

/// Whether a request is one of those that a flow schema is about.
/// Spec: Kubernetes 1.36, "API Priority and Fairness".
[[nodiscard]] bool matches(const api::FlowSchemaSpec& schema,
                           const User& user,
                           const RequestInfo& request);

/// What tells the flows of a schema from each other: the user, the namespace, or nothing.
[[nodiscard]] std::string flow_distinguisher(const api::FlowSchemaSpec& schema,
                                             const User& user,
                                             const RequestInfo& request);

}  // namespace insula::apiserver
