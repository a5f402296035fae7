#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "apiserver/user.h"
#include "base/error.h"

namespace insula::apiserver {

/// How many watches, relays to a node such as logs and terminals, proxied requests, and lists that
/// are sent in pieces one caller, all of one tenant, and all of them together may have open.
struct StreamLimits {
  std::size_t per_user = 500;
  std::size_t per_tenant = 1'000;
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
        : gate_(std::exchange(other.gate_, nullptr)),
          user_(std::move(other.user_)),
          tenant_(std::move(other.tenant_)) {}

    Pass& operator=(Pass&&) = delete;

    ~Pass() {
      if (gate_ != nullptr) gate_->leave(*this);
    }

   private:
    friend class StreamGate;

    Pass(StreamGate* gate, std::string user, std::string tenant)
        : gate_(gate), user_(std::move(user)), tenant_(std::move(tenant)) {}

    StreamGate* gate_;  // null: not counted
    std::string user_;
    std::string tenant_;  // empty: of none
  };

  explicit StreamGate(StreamLimits limits) : limits_(limits) {}

  /// `tenant`: whose the user is; empty for nobody's. Errors: kTooManyRequests.
  Result<Pass> enter(const User& user, std::string_view tenant);

 private:
  /// Of those with something open.
  using Counts = std::map<std::string, std::size_t, std::less<>>;

  void leave(const Pass& pass);

  StreamLimits limits_;
  std::size_t all_ = 0;
  Counts by_user_;
  Counts by_tenant_;
};

}  // namespace insula::apiserver
