#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/flowcontrol/work_estimate.h"
#include "base/clock.h"

namespace insula::apiserver {

/// The queues of a priority level, and which request of them is next.
///
/// Start-time fair queueing (Goyal, Vin, Cheng, "Start-time Fair Queueing", SIGCOMM 1996) over
/// seat-seconds: each queue has a virtual time, moved on by what its requests take. The queue with
/// the least is next. The level's virtual time is that of the request that was begun last, and a
/// queue that begins to wait is lifted to it: nobody saves up what was not used. What a request
/// takes is guessed when it begins, and put right when it ends. This needs no rate at which the
/// level is served, which varies here by all that runs beside it on the loop.
///
/// Of two queues that always have something waiting, what they were given differs by no more than
/// what the largest requests of both, and those that run, take.
///
/// Threads: one at a time.
class QueueSet {
 public:
  struct Config {
    std::uint32_t queues = 0;  // 0: requests do not wait for seats; all that wait are one queue
    std::uint32_t hand_size = 1;
    std::size_t queue_length_max = 0;
  };

  /// A request from enqueue() to finish() or leave(). Its address is what it is known by.
  struct Request {
    WorkEstimate work;
    std::uint32_t queue = 0;
    SteadyTime arrived;
    SteadyTime began;

   private:
    friend class QueueSet;

    std::list<Request*>::iterator position_;
  };

  /// What can be seen of a queue.
  struct QueueState {
    std::vector<const Request*> waiting;    // in order
    std::vector<const Request*> executing;  // in no order
    double virtual_start = 0;               // seat-seconds
    std::size_t seats_in_use = 0;
  };

  /// What is guessed that a request takes for each of its seats.
  static constexpr std::chrono::milliseconds kServiceGuess{1};

  /// Requests that wait stay where they are.
  void configure(const Config& config) { config_ = config; }

  [[nodiscard]] const Config& config() const { return config_; }

  /// Puts it into the queue with the least waiting work of the flow's hand. False when that is
  /// full. Requires: `hash` is the flow's.
  [[nodiscard]] bool enqueue(Request& request, std::uint64_t hash);

  /// The request that is next; null when none waits.
  [[nodiscard]] Request* next();

  /// It leaves its queue and takes its seats. Requires: it waits.
  void start(Request& request, SteadyTime now);

  /// It has been served. Requires: it was started. Its seats are free, but for the final ones.
  void finish(Request& request, SteadyTime now);

  /// It is not served. Requires: it waits.
  void leave(Request& request);

  [[nodiscard]] std::size_t waiting() const { return waiting_; }

  [[nodiscard]] std::size_t executing() const { return executing_; }

  [[nodiscard]] std::size_t seats_waiting() const { return seats_waiting_; }

  /// Seat-seconds that a request of this width is taken to need.
  [[nodiscard]] static double guess(const WorkEstimate& work);

  /// Those of the queues with something in them, by their number.
  [[nodiscard]] std::map<std::uint32_t, QueueState> state() const;

 private:
  struct Queue {
    std::list<Request*> waiting;
    std::list<Request*> executing;
    double virtual_start = 0;
    double work_waiting = 0;  // seat-seconds, guessed
    std::size_t seats_in_use = 0;

    [[nodiscard]] bool is_idle() const { return waiting.empty() && executing.empty(); }
  };

  [[nodiscard]] std::uint32_t choose(std::uint64_t hash) const;
  void forget_idle();
  /// With nobody there, nobody is ahead.
  void end_busy_period();

  Config config_;
  /// Those with something in them, and those that are ahead of the level's time.
  std::map<std::uint32_t, Queue> queues_;
  double virtual_time_ = 0;
  std::uint32_t last_ = 0;  // the queue that was served last
  std::size_t waiting_ = 0;
  std::size_t executing_ = 0;
  std::size_t seats_waiting_ = 0;
};

}  // namespace insula::apiserver
