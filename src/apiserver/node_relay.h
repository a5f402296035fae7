#pragma once

#include "async/task.h"
#include "base/error.h"
#include "http/exchange.h"
#include "net/address.h"

namespace insula::apiserver {

/// Hands a request to the node agent at `node` as it came, and its answer back: streamed bodies
/// piece by piece, an upgraded connection byte by byte in both directions. `status` is set to the
/// answer's.
///
/// Credentials are not passed on: whoever reaches the socket is trusted by the agent.
/// Errors: kUnavailable when the agent does not answer, before anything was answered.
/// Cancellation: ends both connections.
Task<Result<>> relay_to_node(http::Exchange& exchange, const net::Address& node, int& status);

}  // namespace insula::apiserver
