#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "gateway/mapped_file.h"
#include "gateway/prices.h"
#include "gateway/usage_journal.h"
#include "gateway/usage_record.h"

namespace insula::gateway {

/// An admitted request, as far as it is known while it runs.
struct InFlight {
  UsageRecord record;
  ModelPrice price;
  /// The most completion tokens that it reserved; UsageRecord::kUnknown when it did not say.
  std::int64_t completion_reserved = UsageRecord::kUnknown;
};

/// What settling a request is about to change, written down before it changes anything: the next
/// start can tell which of it was done, and do the rest.
struct Settlement {
  /// Of its place in the table; kSlots when it had none.
  std::uint64_t slot = 0;
  UsageJournal::Update update;
  /// The ring that its record goes to, and the number it has there.
  std::uint64_t ring = 0;
  std::uint64_t record_number = 0;
  UsageRecord record;
};

/// The requests of one event loop that run, in a memory-mapped file, so that a kill does not take
/// them off the bill.
///
/// A place is one of kSlots; what is in it counts from the moment its state says so, which is
/// written last. Beside them there is the one settlement that may be under way.
///
/// Threads: one loop.
class InFlightTable {
 public:
  /// Requests beyond it run unnoted: a kill forgets them.
  static constexpr std::size_t kSlots = 4096;

  /// Opens or creates the file, and converts one of the first format. Errors: fail_errno; kConflict
  /// when it is no such table.
  static Result<std::unique_ptr<InFlightTable>> open(const std::filesystem::path& file);
  ~InFlightTable();
  InFlightTable(const InFlightTable&) = delete;
  InFlightTable& operator=(const InFlightTable&) = delete;

  /// Notes a request. Returns its place, or kSlots when all are taken.
  [[nodiscard]] std::size_t add(const InFlight& request);

  /// What is known of it now. Requires: the place is taken.
  void note(std::size_t slot, const llm::Usage& usage, std::int64_t completion_reserved);

  void remove(std::size_t slot);

  /// Writes down a settlement, and that it is over.
  void begin(const Settlement& settlement);
  void end();

  /// What an earlier process left: its settlement, and its requests by place.
  [[nodiscard]] std::optional<Settlement> unfinished() const;
  [[nodiscard]] std::vector<std::size_t> left() const;
  [[nodiscard]] InFlight at(std::size_t slot) const;

 private:
  struct Slot;
  struct Header;
  struct V1;

  explicit InFlightTable(MappedFile mapped);
  static Result<MappedFile> convert(const MappedFile& old,
                                    const std::filesystem::path& file,
                                    std::size_t bytes);
  [[nodiscard]] Header& header() const;
  [[nodiscard]] std::span<Slot> slots() const;

  MappedFile mapped_;
  /// Places given back, and the first that was never taken: low ones are used again first, so that
  /// memory follows what runs at once.
  std::vector<std::uint16_t> free_;
  std::size_t untouched_ = 0;
};

}  // namespace insula::gateway
