#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/in_flight_table.h"
#include "gateway/record_ring.h"
#include "gateway/usage_journal.h"
#include "gateway/usage_record.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// What went missing, for metrics.
struct UsageLosses {
  Counter& records_dropped;
  Counter& unnoted;
};

/// Puts the requests of one event loop on the bill, each once: its sums in the journal, its record
/// in the ring, its place in the table of what runs.
///
/// The three are files, changed one after the other, and the process may be killed between any two
/// instructions. So the table has a place in which a settlement is written down before it begins,
/// with the number that the cell's update will have and the one that the record will have in the
/// ring. Numbers only grow, so the next start sees which steps were made and makes the others. A
/// request without a settlement is billed as far as was known of it (docs/decisions/0020).
///
/// Threads: begin(), note() and settle() from one loop; the journal and the ring may be read from
/// one other.
class UsageRecorder {
 public:
  static constexpr std::size_t kUnnoted = InFlightTable::kSlots;

  /// Over three files that stay its own.
  UsageRecorder(std::unique_ptr<UsageJournal> journal,
                std::unique_ptr<InFlightTable> table,
                std::unique_ptr<RecordRing> ring,
                UsageLosses losses);

  /// Called on the loop when the ring should be read soon, once until reading() is called.
  void on_records(std::function<void()> wake) { wake_ = std::move(wake); }

  /// The ring is about to be read.
  void reading() { woken_.store(false, std::memory_order_relaxed); }

  /// Notes an admitted request; returns its place, kUnnoted when there is none left.
  [[nodiscard]] std::size_t begin(const InFlight& request);

  /// What is known of it now. `completion_reserved`: as InFlight.
  void note(std::size_t place, const llm::Usage& usage, std::int64_t completion_reserved);

  /// Bills a request and gives its place up.
  void settle(std::size_t place, const UsageRecord& record, WallTime now);

  /// Bills what an earlier process left; returns how many requests it cut off. Before the first
  /// begin(). `make_room` is called when the ring is full; what it does not empty is dropped.
  std::size_t recover(WallTime now, const std::function<void()>& make_room);

  [[nodiscard]] UsageJournal& journal() { return *journal_; }

  [[nodiscard]] RecordRing& ring() { return *ring_; }

 private:
  void append(const UsageRecord& record);
  void finish(const Settlement& settlement, WallTime now);

  std::unique_ptr<UsageJournal> journal_;
  std::unique_ptr<InFlightTable> table_;
  std::unique_ptr<RecordRing> ring_;
  UsageLosses losses_;
  std::function<void()> wake_;
  std::atomic<bool> woken_{false};
};

/// What a request is billed that ran when its gateway was killed: what was known of it, and of the
/// completion no more than it reserved.
[[nodiscard]] UsageRecord crashed(const InFlight& request, WallTime now);

}  // namespace insula::gateway
