#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/error.h"
#include "gateway/api_error.h"
#include "gateway/body_memory.h"
#include "llm/prompt_reader.h"
#include "llm/request.h"
#include "llm/usage.h"

namespace insula::gateway {

class HeaderEdits;

/// Where in the life of a request filters are called.
enum class FilterPoint : std::uint8_t {
  kRequest,  // once, when its body is there: before limits and before any server is asked
  kAttempt,  // for each backend that is asked, before that is sent the request
  kEvent,    // for each whole event of a streamed reply, before the client gets it
  kDone,     // once, when a request whose caller is known is over, whatever ended it
};

/// An answer in place of a model server's.
struct FilterRefusal {
  ApiError error = ApiError::kInvalidRequest;
  ErrorCode code = ErrorCode::kBadRequest;
  std::string message;
};

/// A request as on_request() sees it. Views are valid until that returns.
struct FilterRequest {
  llm::Operation operation = llm::Operation::kOther;
  std::string_view tenant;
  /// Empty: the request has none. With the padding that readers want.
  std::string_view body;
  /// Nobody waits for the answer any more.
  const bool& client_gone;
  // What it may use of the loop that it is called on.
  llm::PromptReader& prompts;
  BodyMemory& memory;
  BlockingPool& pool;  // for what takes more than a few milliseconds
};

/// A request on its way to a backend.
struct FilterAttempt {
  /// Request line and header lines, without those that frame the body.
  std::string& head;
  /// What is done to the headers of the reply, in order. They outlive the request.
  std::vector<const HeaderEdits*>& reply_edits;
};

/// How a request ended.
struct FilterResult {
  int status = 0;
  const llm::Usage& usage;
};

/// A policy of a tenant for its requests: goes on, or answers in place of a model server. What it
/// does at a point is in the call of that name; the others do nothing.
///
/// Threads: deeply const, and called on all loops at once. Nothing of a call may block the loop.
class Filter {
 public:
  Filter() = default;
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  virtual ~Filter() = default;

  /// Whether it is called there. Nothing is done at points where no filter is.
  [[nodiscard]] virtual bool runs_at(FilterPoint point) const = 0;

  [[nodiscard]] virtual Task<std::optional<FilterRefusal>> on_request(
      FilterRequest /*request*/) const {
    co_return std::nullopt;
  }

  virtual void on_attempt(FilterAttempt& /*attempt*/) const {}

  /// `event`: its lines, the empty one included. A refusal ends the stream in its place.
  [[nodiscard]] virtual std::optional<FilterRefusal> on_event(std::string_view /*event*/) const {
    return std::nullopt;
  }

  virtual void on_done(const FilterResult& /*result*/) const noexcept {}
};

}  // namespace insula::gateway
