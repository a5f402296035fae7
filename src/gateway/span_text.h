#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace insula::gateway {

class Request;

/// Appends the span of a request that is over, as OTLP writes one in JSON, and a newline: of
/// printable ASCII, with the attributes of HTTP and of generative AI. What is not in the access
/// log's line is not in it.
///
/// Spec: OpenTelemetry Protocol, "JSON Protobuf Encoding"; OpenTelemetry Semantic Conventions,
/// "HTTP spans" and "Generative AI spans".
void append_span(std::string& out, const Request& request, SteadyTime now, WallTime ended);

/// What is sent for spans as append_span() wrote them, newlines included.
[[nodiscard]] std::string export_request(std::string_view spans);

}  // namespace insula::gateway
