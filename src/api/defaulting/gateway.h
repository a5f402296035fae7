#pragma once

#include "api/gen/gateway_v1.h"

namespace insula::api {

/// As defaults.h has them for other kinds.
/// Spec: Gateway API 1.4, the defaults of the definitions of its standard channel.
void set_defaults(Gateway& object);
void set_defaults(HTTPRoute& object);

}  // namespace insula::api
