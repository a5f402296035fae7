#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "apiserver/user.h"
#include "base/error.h"

namespace insula::apiserver {

/// How many watches, relays to a node such as logs and terminals, proxied requests, and lists that
/// are sent in pieces one caller and all of them together may have open.
struct StreamLimits {
  std::size_t per_user = 500;
  std::size_t all = 4'000;
};

/// Keeps callers from taking the server's connections and memory with requests that go on at the
/// client's pace. The others are the RequestDispatcher's; watches and long lists have seats there
/// only until they have begun, but a list keeps them when there is no place here.
///
/// Administrators, nodes and the gateway (the groups system:masters, system:nodes, insula:gateway)
/// are let through and not counted: all others together stay well below what the HTTP server takes
/// in connections, so that a place is left for these whatever the others do. A connection between
/// two requests does not count here; the HTTP server closes the longest idle ones when it needs
/// room.
///
/// Threads: one loop.
class StreamGate {
 public:
  /// A place, given back on destruction. Lifetime: the gate outlives it.
  class Pass {
   public:
    Pass(Pass&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), user_(std::move(other.user_)) {}

    Pass& operator=(Pass&&) = delete;

    ~Pass() {
      if (gate_ != nullptr) gate_->leave(user_);
    }

   private:
    friend class StreamGate;

    Pass(StreamGate* gate, std::string user) : gate_(gate), user_(std::move(user)) {}

    StreamGate* gate_;  // null: not counted
    std::string user_;
  };

  explicit StreamGate(StreamLimits limits) : limits_(limits) {}

  /// Errors: kTooManyRequests.
  Result<Pass> enter(const User& user);

 private:
  void leave(const std::string& user);

  StreamLimits limits_;
  std::size_t all_ = 0;
  std::map<std::string, std::size_t> by_user_;  // those with something open
};

}  // namespace insula::apiserver
