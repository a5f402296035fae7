#pragma once

#include <string>

#include "base/clock.h"

namespace insula::gateway {

class Request;

/// Appends the line of the access log for a request that is over: a JSON object of printable ASCII
/// and a newline. What is not known of the request is left out; never in it: prompts, replies,
/// credentials, and the query of its target. docs/observability.md lists the members.
void append_access_line(std::string& out, const Request& request, SteadyTime now, WallTime ended);

}  // namespace insula::gateway
