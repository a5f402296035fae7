#pragma once

#include <functional>

#include "async/task.h"
#include "base/error.h"
#include "http/exchange.h"
#include "net/address.h"

namespace insula::apiserver {

/// Called with the status and the headers of an answer before they are sent on.
using OnAnswer = std::function<void(int status, http::Headers& headers)>;

/// Hands a request to the node agent at `node` as it came, and its answer back: streamed bodies
/// piece by piece, an upgraded connection byte by byte in both directions.
///
/// Credentials are not passed on: whoever reaches the socket is trusted by the agent.
/// Errors: kUnavailable when the agent does not answer, before anything was answered.
/// Cancellation: ends both connections.
Task<Result<>> relay_to_node(http::Exchange& exchange,
                             const net::Address& node,
                             OnAnswer on_answer);

}  // namespace insula::apiserver
