#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "apiserver/user.h"
#include "base/error.h"

namespace insula::apiserver {

/// How much one caller, and all of them together, may have in flight.
struct RequestLimits {
  std::size_t requests_per_user = 100;
  std::size_t requests = 400;
  /// Watches, and what is relayed to a node: logs, exec and the like.
  std::size_t streams_per_user = 500;
  std::size_t streams = 4'000;
};

/// Keeps callers from taking the server away from each other.
///
/// Administrators, nodes and the gateway (the groups system:masters, system:nodes, insula:gateway)
/// are let through and not counted: all others together stay well below what the HTTP server takes
/// in connections, so that a place is left for these whatever the others do. A connection between
/// two requests does not count here; the HTTP server closes the longest idle ones when it needs
/// room.
///
/// Threads: one loop.
class RequestGate {
 public:
  enum class Length : std::uint8_t { kShort, kStream };

  /// A place, given back on destruction. Lifetime: the gate outlives it.
  class Pass {
   public:
    Pass(Pass&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)),
          user_(std::move(other.user_)),
          length_(other.length_) {}

    Pass& operator=(Pass&&) = delete;

    ~Pass() {
      if (gate_ != nullptr) gate_->leave(user_, length_);
    }

   private:
    friend class RequestGate;

    Pass(RequestGate* gate, std::string user, Length length)
        : gate_(gate), user_(std::move(user)), length_(length) {}

    RequestGate* gate_;  // null: not counted
    std::string user_;
    Length length_;
  };

  explicit RequestGate(RequestLimits limits) : limits_(limits) {}

  /// Errors: kTooManyRequests.
  Result<Pass> enter(const User& user, Length length);

 private:
  struct Counts {
    std::size_t requests = 0;
    std::size_t streams = 0;

    [[nodiscard]] std::size_t& of(Length length) {
      return length == Length::kShort ? requests : streams;
    }
  };

  void leave(const std::string& user, Length length);

  RequestLimits limits_;
  Counts all_;
  std::map<std::string, Counts> by_user_;  // those with something in flight
};

}  // namespace insula::apiserver
