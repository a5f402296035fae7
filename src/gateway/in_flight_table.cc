#include "gateway/in_flight_table.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "gateway/usage_record_v1.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x324c46494c4e49;    // "INLIFL2"
constexpr std::uint64_t kMagicV1 = 0x314c46494c4e49;  // "INLIFL1"
constexpr std::size_t kHeaderBytes = 4096;

}  // namespace

struct InFlightTable::Header {
  std::uint64_t magic;
  /// Places from here on have never been taken.
  std::atomic<std::uint64_t> touched;
  /// 1 while the settlement counts.
  std::atomic<std::uint64_t> settling;
  Settlement settlement;
};

struct InFlightTable::Slot {
  /// 1 while the request runs. Written last when a place is taken, first when it is given up.
  std::atomic<std::uint64_t> taken;
  // What changes while it runs; the record has what it began with.
  std::atomic<std::int64_t> prompt_tokens;
  std::atomic<std::int64_t> cached_tokens;
  std::atomic<std::int64_t> completion_tokens;
  std::atomic<std::int64_t> reasoning_tokens;
  std::atomic<std::int64_t> completion_reserved;
  ModelPrice price;
  UsageRecord record;
};

/// The first format: the same, with records of before there were members.
struct InFlightTable::V1 {
  struct Settlement {
    std::uint64_t slot = 0;
    UsageJournal::Update update;
    std::uint64_t ring = 0;
    std::uint64_t record_number = 0;
    UsageRecordV1 record;
  };

  struct Header {
    std::uint64_t magic = 0;
    std::uint64_t touched = 0;
    std::uint64_t settling = 0;
    Settlement settlement;
  };

  struct Slot {
    std::uint64_t taken = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t cached_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t reasoning_tokens = 0;
    std::int64_t completion_reserved = 0;
    ModelPrice price;
    UsageRecordV1 record;
  };

  static constexpr std::size_t kBytes = kHeaderBytes + kSlots * sizeof(Slot);
};

InFlightTable::InFlightTable(MappedFile mapped) : mapped_(std::move(mapped)) {
  free_.reserve(kSlots);
}

InFlightTable::~InFlightTable() = default;

InFlightTable::Header& InFlightTable::header() const {
  static_assert(sizeof(Header) <= kHeaderBytes);
  return *reinterpret_cast<Header*>(mapped_.data());
}

std::span<InFlightTable::Slot> InFlightTable::slots() const {
  return {reinterpret_cast<Slot*>(mapped_.data() + kHeaderBytes), kSlots};
}

/// Puts a table with the same in it in the place of one of the first format.
Result<MappedFile> InFlightTable::convert(const MappedFile& old,
                                          const std::filesystem::path& file,
                                          std::size_t bytes) {
  INSULA_TRY(MappedFile made, MappedFile::create(unfinished_name(file), bytes));
  const auto& from = *reinterpret_cast<const V1::Header*>(old.data());
  auto& to = *reinterpret_cast<Header*>(made.data());
  to.magic = kMagic;
  to.touched = from.touched;
  to.settling = from.settling;
  const V1::Settlement& settling = from.settlement;
  to.settlement = {settling.slot, settling.update, settling.ring, settling.record_number,
                   settling.record.present()};
  const auto* before = reinterpret_cast<const V1::Slot*>(old.data() + kHeaderBytes);
  auto* slots = reinterpret_cast<Slot*>(made.data() + kHeaderBytes);
  for (std::size_t i = 0; i < std::min<std::size_t>(from.touched, kSlots); ++i) {
    slots[i].taken = before[i].taken;
    slots[i].prompt_tokens = before[i].prompt_tokens;
    slots[i].cached_tokens = before[i].cached_tokens;
    slots[i].completion_tokens = before[i].completion_tokens;
    slots[i].reasoning_tokens = before[i].reasoning_tokens;
    slots[i].completion_reserved = before[i].completion_reserved;
    slots[i].price = before[i].price;
    slots[i].record = before[i].record.present();
  }
  INSULA_TRY_VOID(put_in_place(file));
  return made;
}

Result<std::unique_ptr<InFlightTable>> InFlightTable::open(const std::filesystem::path& file) {
  constexpr std::size_t kBytes = kHeaderBytes + kSlots * sizeof(Slot);
  auto mapped = MappedFile::open(file, 1);
  if (!mapped && mapped.error().code() == ErrorCode::kNotFound) {
    INSULA_TRY(MappedFile made, MappedFile::create(unfinished_name(file), kBytes));
    std::unique_ptr<InFlightTable> table(new InFlightTable(std::move(made)));
    table->header().magic = kMagic;
    INSULA_TRY_VOID(put_in_place(file));
    return table;
  }
  if (mapped && mapped->size() == V1::kBytes &&
      reinterpret_cast<const V1::Header*>(mapped->data())->magic == kMagicV1)
    mapped = convert(*mapped, file, kBytes);
  if (!mapped) return std::unexpected(std::move(mapped).error());
  if (mapped->size() != kBytes)
    return fail(ErrorCode::kConflict, file.string() + ": not a table of requests in flight");
  std::unique_ptr<InFlightTable> table(new InFlightTable(*std::move(mapped)));
  if (table->header().magic != kMagic)
    return fail(ErrorCode::kConflict, file.string() + ": not a table of requests in flight");
  table->untouched_ = std::min<std::size_t>(table->header().touched, kSlots);
  for (std::size_t slot = table->untouched_; slot-- > 0;) {
    if (table->slots()[slot].taken == 0) table->free_.push_back(static_cast<std::uint16_t>(slot));
  }
  return table;
}

std::size_t InFlightTable::add(const InFlight& request) {
  std::size_t number = untouched_;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else if (untouched_ == kSlots) {
    return kSlots;
  } else {
    ++untouched_;
    header().touched.store(untouched_, std::memory_order_release);
  }
  Slot& slot = slots()[number];
  // A kill must find what the place held before given up first, whatever a compiler would prefer.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  slot.record = request.record;
  slot.price = request.price;
  note(number, request.record.usage(), request.completion_reserved);
  slot.taken.store(1, std::memory_order_release);
  return number;
}

void InFlightTable::note(std::size_t number,
                         const llm::Usage& usage,
                         std::int64_t completion_reserved) {
  Slot& slot = slots()[number];
  slot.prompt_tokens.store(usage.prompt_tokens, std::memory_order_relaxed);
  slot.cached_tokens.store(usage.cached_tokens, std::memory_order_relaxed);
  slot.completion_tokens.store(usage.completion_tokens, std::memory_order_relaxed);
  slot.reasoning_tokens.store(usage.reasoning_tokens, std::memory_order_relaxed);
  slot.completion_reserved.store(completion_reserved, std::memory_order_relaxed);
}

void InFlightTable::remove(std::size_t number) {
  Slot& slot = slots()[number];
  if (slot.taken.load(std::memory_order_relaxed) == 0) return;
  slot.taken.store(0, std::memory_order_release);
  free_.push_back(static_cast<std::uint16_t>(number));
}

void InFlightTable::begin(const Settlement& settlement) {
  std::atomic_signal_fence(std::memory_order_seq_cst);  // After the end of the one before.
  header().settlement = settlement;
  header().settling.store(1, std::memory_order_release);
}

void InFlightTable::end() {
  header().settling.store(0, std::memory_order_release);
}

std::optional<Settlement> InFlightTable::unfinished() const {
  if (header().settling == 0) return std::nullopt;
  return header().settlement;
}

std::vector<std::size_t> InFlightTable::left() const {
  std::vector<std::size_t> taken;
  for (std::size_t slot = 0; slot < untouched_; ++slot) {
    if (slots()[slot].taken != 0) taken.push_back(slot);
  }
  return taken;
}

InFlight InFlightTable::at(std::size_t number) const {
  const Slot& slot = slots()[number];
  InFlight request{slot.record, slot.price, slot.completion_reserved};
  request.record.set_usage({.prompt_tokens = slot.prompt_tokens,
                            .completion_tokens = slot.completion_tokens,
                            .estimated = true,
                            .cached_tokens = slot.cached_tokens,
                            .reasoning_tokens = slot.reasoning_tokens});
  return request;
}

}  // namespace insula::gateway
