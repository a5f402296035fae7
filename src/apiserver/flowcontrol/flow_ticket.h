#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "apiserver/flowcontrol/flow_metrics.h"
#include "apiserver/flowcontrol/priority_level.h"
#include "apiserver/flowcontrol/queue_set.h"
#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "async/deadline.h"
#include "async/event.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"

namespace insula::apiserver {

class RequestDispatcher;

/// A request on its way through the RequestDispatcher. Destroyed, it leaves its queue or gives its
/// seats back.
///
/// Lifetime: the dispatcher, the user and the info outlive it. Threads: one loop.
class FlowTicket final : public QueueSet::Request {
 public:
  FlowTicket(RequestDispatcher& dispatcher, const User& user, const RequestInfo& info)
      : dispatcher_(dispatcher), user_(user), info_(info) {}

  FlowTicket(const FlowTicket&) = delete;
  FlowTicket& operator=(const FlowTicket&) = delete;
  ~FlowTicket();

  [[nodiscard]] bool has_entered() const { return flow_ != nullptr; }

  /// What it belongs to. Requires: it has entered.
  [[nodiscard]] const Flow& flow() const { return *flow_; }

  [[nodiscard]] const std::string& distinguisher() const { return distinguisher_; }

  [[nodiscard]] const User& user() const { return user_; }

  [[nodiscard]] const RequestInfo& info() const { return info_; }

  /// Whether it has seats.
  [[nodiscard]] bool is_executing() const { return state_ == State::kExecuting; }

  /// What a client that was refused is told, in seconds; nothing: it was not.
  [[nodiscard]] std::optional<std::int64_t> retry_after() const { return retry_after_; }

  /// Between two pieces of a long answer: lets the rest of the loop have its turn, and others that
  /// do the same, unless this turn has been short so far.
  Task<> give_way();

  /// Reads from the client or writes to it. One that is slower than kClientPatience does not keep
  /// the seats: they are given back, and the request goes on without.
  template <class T>
  Task<Result<T>> with_client(Task<Result<T>> operation) {
    auto first = co_await race(std::move(operation), release_slowly());
    co_return std::get<0>(std::move(first));
  }

  static constexpr std::chrono::milliseconds kClientPatience{100};

  /// Gives the seats back before the request is over.
  void release();

 private:
  friend class RequestDispatcher;

  /// Does not return.
  Task<> release_slowly();

  enum class State : std::uint8_t { kNew, kWaiting, kExecuting, kRefused, kDone };

  RequestDispatcher& dispatcher_;
  const User& user_;
  const RequestInfo& info_;
  std::shared_ptr<const Flow> flow_;
  std::string distinguisher_;
  State state_ = State::kNew;
  Event begun_;
  std::optional<std::int64_t> retry_after_;
};

}  // namespace insula::apiserver
