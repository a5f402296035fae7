#pragma once

#include <string>
#include <string_view>

#include "llm/request.h"

namespace insula::llm {

/// The error object of OpenAI's API. Views are borrowed.
struct OpenAiError {
  std::string_view message;
  /// `invalid_request_error`, `authentication_error`, `rate_limit_error`, `server_error`, ...
  std::string_view type;
  /// For programs: `invalid_api_key`, `rate_limit_exceeded`, ...; empty becomes null.
  std::string_view code;
  /// The member of the request that is wrong; empty becomes null.
  std::string_view param;
};

/// `{"error":{"message":...,"type":...,"param":...,"code":...}}`
[[nodiscard]] std::string to_json(const OpenAiError& error);

/// The events that end a stream of this operation with an error, in its dialect: OpenAI's data and
/// end mark, the `error` event of its Responses, or that of Anthropic's messages.
[[nodiscard]] std::string last_events(Operation operation, const OpenAiError& error);

}  // namespace insula::llm
