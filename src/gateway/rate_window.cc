#include "gateway/rate_window.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <utility>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include "gateway/rate_ring.h"

namespace insula::gateway {
namespace {

constexpr std::int64_t kWindowNs = std::chrono::nanoseconds(kRateWindow).count();

}  // namespace

RateWindow::RateWindow(std::filesystem::path file, const Clock& clock)
    : file_(std::move(file)), clock_(clock) {}

RateWindow::~RateWindow() = default;

/// Keeps the damaged file beside a new one that is full as of now: how many were admitted in the
/// last window is not known, so nobody is for one window.
Result<std::unique_ptr<RateWindow::Ring>> RateWindow::replace_damaged(
    const std::filesystem::path& file,
    std::int64_t limit,
    const Clock& clock,
    std::string_view boot) {
  INSULA_TRY(auto ring, Ring::create(unfinished_name(file), limit));
  ring->resume_axis(clock, boot);
  const std::int64_t now = ring->axis().now(clock);
  std::vector<std::int64_t> times(ring->capacity() - 1);
  for (std::size_t i = 0; i < times.size(); ++i)
    times[i] = now - static_cast<std::int64_t>(times.size() - 1 - i);
  ring->fill(times);
  INSULA_TRY_VOID(keep_damaged(file));
  INSULA_TRY_VOID(put_in_place(file));
  return ring;
}

Result<std::unique_ptr<RateWindow>> RateWindow::open(std::filesystem::path file,
                                                     std::int64_t limit,
                                                     const Clock& clock,
                                                     std::string_view boot) {
  std::unique_ptr<RateWindow> window(new RateWindow(std::move(file), clock));
  std::error_code ignored;
  if (std::filesystem::exists(window->file_, ignored)) {
    auto opened = Ring::open(window->file_);
    const bool damaged = !opened && opened.error().code() == ErrorCode::kConflict;
    if (!opened && !damaged) return std::unexpected(std::move(opened).error());
    INSULA_TRY(window->newest_,
               damaged ? replace_damaged(window->file_, limit, clock, boot) : std::move(opened));
    window->began_full_ = damaged;
    window->newest_->recover();
    window->newest_->resume_axis(clock, boot);
  } else {
    INSULA_TRY(window->newest_, Ring::create(unfinished_name(window->file_), limit));
    window->newest_->resume_axis(clock, boot);
    INSULA_TRY_VOID(put_in_place(window->file_));
  }
  window->ring_ = window->newest_.get();
  window->flushed_head_ = window->newest_->head;
  return window;
}

namespace {

/// Sequence number of the oldest admission after `since` among the `count` before `end`; `end`
/// when there is none. Times grow with the sequence, so this is a binary search; it begins at the
/// end and goes back in growing steps, so that it stays near the newest where few are counted.
template <class Ring>
std::uint64_t first_after(const Ring& ring,
                          std::int64_t since,
                          std::uint64_t end,
                          std::uint64_t count) {
  std::uint64_t begin = end - count;
  for (std::uint64_t step = 1; step < count; step *= 2) {
    if (ring.slot(end - step) <= since) {
      begin = end - step + 1;
      end -= step / 2;
      break;
    }
  }
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    if (ring.slot(middle) > since) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return begin;
}

/// The decision's numbers, seen at `now` with `head` admissions made.
template <class Ring>
RateDecision decide(const Ring& ring, std::int64_t limit, std::uint64_t head, std::int64_t now) {
  RateDecision decision;
  decision.limit = limit;
  const auto slots = static_cast<std::uint64_t>(limit);
  const std::uint64_t first = first_after(ring, now - kWindowNs, head, slots);
  const auto counted = static_cast<std::int64_t>(head - first);
  decision.remaining = limit - counted;
  if (counted > 0) decision.reset = std::chrono::nanoseconds(ring.slot(first) + kWindowNs - now);
  return decision;
}

}  // namespace

RateDecision RateWindow::admit(std::int64_t limit) {
  if (limit <= 0) return {.reset = kRateWindow};
  for (;;) {
    Ring& ring = *ring_.load();
    const auto slots =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(limit), ring.capacity() - 1);
    std::uint64_t head = ring.head;
    const std::int64_t last = ring.slot(head - 1);
    std::int64_t mine = ring.slot(head);
    if (mine == Ring::kSealed) {
      // grow() is copying; it publishes the new ring in a moment.
      ::sched_yield();
      continue;
    }
    if (mine > last) {
      // Its writer has not moved the head on yet.
      ring.head.compare_exchange_strong(head, head + 1);
      continue;
    }
    const std::int64_t now = std::max(ring.axis().now(clock_), last + 1);
    const std::int64_t blocking = ring.slot(head - slots);
    if (blocking > now - kWindowNs) {
      if (ring.head != head) continue;
      return {.limit = limit, .reset = std::chrono::nanoseconds(blocking + kWindowNs - now)};
    }
    if (!ring.slot(head).compare_exchange_strong(mine, now)) continue;
    std::uint64_t expected = head;
    ring.head.compare_exchange_strong(expected, head + 1);
    RateDecision decision = decide(ring, static_cast<std::int64_t>(slots), head + 1, now);
    decision.admitted = true;
    return decision;
  }
}

RateDecision RateWindow::look(std::int64_t limit) const {
  if (limit <= 0) return {.reset = kRateWindow};
  const Ring& ring = *ring_.load();
  const auto slots = std::min<std::int64_t>(limit, static_cast<std::int64_t>(ring.capacity()) - 1);
  RateDecision decision = decide(ring, slots, ring.head, ring.axis().now(clock_));
  decision.admitted = decision.remaining > 0;
  return decision;
}

std::int64_t RateWindow::counted() const {
  const Ring& ring = *ring_.load();
  const std::uint64_t head = ring.head;
  const std::int64_t since = ring.axis().now(clock_) - kWindowNs;
  return static_cast<std::int64_t>(head - first_after(ring, since, head, ring.capacity() - 1));
}

Result<> RateWindow::grow(std::int64_t limit) {
  Ring& old = *ring_.load();
  if (std::min(limit, kRateLimitMax) < static_cast<std::int64_t>(old.capacity())) return {};
  INSULA_TRY(auto larger, Ring::create(unfinished_name(file_), limit));

  std::uint64_t head = 0;
  for (;;) {
    head = old.head;
    std::int64_t free = old.slot(head);
    if (free > old.slot(head - 1)) {
      old.head.compare_exchange_strong(head, head + 1);
    } else if (old.slot(head).compare_exchange_strong(free, Ring::kSealed)) {
      break;
    }
  }
  std::vector<std::int64_t> times;
  for (std::uint64_t i = head - (old.capacity() - 1); i != head; ++i) {
    if (const std::int64_t time = old.slot(i); time > 0) times.push_back(time);
  }
  larger->axis().copy(old.axis());
  larger->fill(times);
  if (Result<> placed = put_in_place(file_); !placed) {
    old.slot(head) = 0;  // The slot that no limit of this ring ever looks at.
    return placed;
  }
  larger->replaced = std::move(newest_);
  newest_ = std::move(larger);
  ring_ = newest_.get();
  return {};
}

void RateWindow::flush() {
  Ring& ring = *ring_.load();
  const std::uint64_t head = ring.head;
  const bool wall_moved = ring.axis().note_wall(clock_);
  if (head == flushed_head_ && !wall_moved) return;
  flushed_head_ = head;
  ring.sync();
}

}  // namespace insula::gateway
