#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/event.h"
#include "async/loop.h"
#include "gateway/backend.h"
#include "gateway/fair_queue.h"

namespace insula::gateway {

class WaitingRoom;

/// A place at an endpoint that a request would take.
struct Seat {
  std::shared_ptr<Endpoint> endpoint;
  std::int64_t in_flight_max = INT64_MAX;
  /// For whoever made it: its snapshot may be gone before the room has heard that nobody waits.
  const Backend* backend = nullptr;
};

/// Why a request does not wait, or not any longer.
enum class WaitEnd : std::uint8_t { kSeated, kTenantFull, kFull, kLeft };

/// A request that waits for one of its seats. Made on the loop of the request; the room's loop gets
/// to know it by a message, and answers with one.
///
/// Threads: what is not said to be the room's belongs to the request's loop.
class WaitingTicket {
 public:
  WaitingTicket(FairQueue::Waiting request, std::size_t tenant_max, std::vector<Seat> seats);

  /// Set once end() says something else than nothing, or by whoever wakes the request early.
  [[nodiscard]] Event& event() { return event_; }

  /// How it ended, if it did; kSeated: seat() is taken for it.
  [[nodiscard]] std::optional<WaitEnd> end() const;

  [[nodiscard]] const Seat& seat() const { return seats_[seated_]; }

 private:
  friend class WaitingRoom;

  enum class State : std::uint8_t { kWaiting, kSeated, kTenantFull, kFull, kLeft };

  const FairQueue::Waiting request_;
  const std::size_t tenant_max_;
  const std::vector<Seat> seats_;
  Loop& loop_;
  Event event_;
  std::atomic<State> state_{State::kWaiting};
  std::size_t seated_ = 0;  // the room's, until state_ says kSeated
};

/// Where the requests of all loops wait for places at endpoints that have as many requests as they
/// may, in the order that a FairQueue says.
///
/// The queue belongs to one loop, which the others send messages to: a request enters, leaves, or a
/// place at an endpoint that somebody waits for is free. That loop takes the place for the request
/// and sends a message back. So nobody waits for a lock, and a request that finds a place at once
/// sends nothing. Who comes while others wait for the same endpoints waits behind them
/// (Endpoint::waiting).
///
/// Threads: made and destroyed on the loop that has the queue; the others are said for each. The
/// loops that use it outlive it. Lifetime: nothing of it is used any more after it is gone;
/// messages that are still on their way then do nothing.
class WaitingRoom {
 public:
  /// Requests that wait at one time.
  static constexpr std::size_t kWaitingMax = 10'000;

  explicit WaitingRoom(Loop& home, std::size_t waiting_max = kWaitingMax);
  ~WaitingRoom();
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  /// For enter(). The request gets its number here. Threads: the request's loop.
  [[nodiscard]] std::shared_ptr<WaitingTicket> make_ticket(FairQueue::Waiting request,
                                                           std::size_t tenant_max,
                                                           std::vector<Seat> seats);

  /// A request begins to wait. Threads: the request's loop.
  void enter(const std::shared_ptr<WaitingTicket>& ticket);

  /// It does not wait any longer, and end() says so from here on. Returns the seat that it was
  /// given, if it was: the request is counted there, and that is the caller's to end, see Visit. At
  /// most once. Threads: the request's loop.
  [[nodiscard]] const Seat* leave(const std::shared_ptr<WaitingTicket>& ticket);

  /// A place at an endpoint is free that somebody waits for. Threads: any.
  void place_is_free();

  /// A tenant was served so many weighted tokens beside prompts. Nothing happens while nobody
  /// waits. Threads: any.
  void charge(const std::string& tenant, std::int64_t weight, std::int64_t tokens);

 private:
  struct Home;

  Loop& home_;
  /// The queue, kept by messages that are on their way.
  std::shared_ptr<Home> queue_;
  std::atomic<std::int64_t> waiting_{0};
  std::atomic<std::uint64_t> numbers_{0};
};

}  // namespace insula::gateway
