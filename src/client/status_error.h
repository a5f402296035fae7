#pragma once

#include <string_view>

#include "base/error.h"
#include "json/value.h"

namespace insula::client {

/// The Error that a server's answer means: its Status' message and causes, or, when the body is no
/// Status, the HTTP status and the beginning of the body.
[[nodiscard]] Error error_of_answer(int http_status, std::string_view body);

/// The same of a Status object that came in a watch event.
[[nodiscard]] Error error_of_status(const json::Value& status);

/// Whether a write that told the uid of an object failed because that has gone: there is nothing,
/// or another object has its name. A patch is told the latter as a change of what may not change.
[[nodiscard]] bool has_gone(const Error& error);

}  // namespace insula::client
