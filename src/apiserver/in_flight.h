#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "base/clock.h"

namespace insula::apiserver {

/// How many requests are under way, and the most there were lately: who looks once in a while sees
/// bursts, too.
///
/// Threads: one loop.
class InFlight {
 public:
  /// One request, for as long as it lives. Lifetime: the count outlives it.
  class Entry {
   public:
    explicit Entry(InFlight& count, SteadyTime now) : count_(&count) { count.enter(now); }

    Entry(Entry&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}

    Entry& operator=(Entry&&) = delete;

    ~Entry() {
      if (count_ != nullptr) --count_->now_;
    }

   private:
    InFlight* count_;
  };

  /// The most there were at once from one to two seconds ago until now.
  [[nodiscard]] std::size_t peak(SteadyTime now) {
    roll(now);
    return std::max(before_, lately_);
  }

 private:
  static constexpr std::chrono::seconds kWindow{1};

  void enter(SteadyTime now) {
    roll(now);
    lately_ = std::max(lately_, ++now_);
  }

  void roll(SteadyTime now) {
    if (now - began_ < kWindow) return;
    before_ = now - began_ < 2 * kWindow ? lately_ : now_;
    lately_ = now_;
    began_ = now;
  }

  SteadyTime began_;
  std::size_t now_ = 0;
  std::size_t lately_ = 0;  // the most since `began_`
  std::size_t before_ = 0;  // in the window before
};

}  // namespace insula::apiserver
