#include "gateway/usage_journal.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/random.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x314c4e524a4c4e49;  // "INLJRNL1"
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kTenantBytes = 64;
constexpr std::size_t kModelBytes = 112;
constexpr std::size_t kKeyBytes = 16;

template <std::size_t N>
void put(std::array<char, N>& to, std::string_view text) {
  to.fill('\0');
  std::memcpy(to.data(), text.data(), std::min(text.size(), N - 1));
}

template <std::size_t N>
std::string text_of(const std::array<char, N>& from) {
  return {from.data(), ::strnlen(from.data(), N)};
}

std::int64_t hour_of(WallTime now) {
  return std::chrono::floor<std::chrono::hours>(now.time_since_epoch()).count();
}

}  // namespace

std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

UsageCounts& UsageCounts::operator+=(const UsageCounts& other) {
  requests = saturating_sum(requests, other.requests);
  failed = saturating_sum(failed, other.failed);
  prompt_tokens = saturating_sum(prompt_tokens, other.prompt_tokens);
  completion_tokens = saturating_sum(completion_tokens, other.completion_tokens);
  estimated = saturating_sum(estimated, other.estimated);
  return *this;
}

UsageCounts UsageCounts::minus(const UsageCounts& other) const {
  return {requests - other.requests, failed - other.failed, prompt_tokens - other.prompt_tokens,
          completion_tokens - other.completion_tokens, estimated - other.estimated};
}

struct UsageJournal::Header {
  std::uint64_t magic;
  /// Cells from here on have never been taken, so nobody looks at their pages.
  std::atomic<std::uint64_t> touched;
};

struct UsageJournal::Cell {
  /// 0: free. Written last when a cell is taken, first when it is given up.
  std::atomic<std::uint64_t> use;
  /// Number of updates; copy `updates % 2` holds.
  std::atomic<std::uint64_t> updates;
  std::array<std::atomic<std::int64_t>, 5> copies[2];
  std::int64_t hour;
  std::array<char, kTenantBytes> tenant;
  std::array<char, kModelBytes> model;
  std::array<char, kKeyBytes> key;

  [[nodiscard]] UsageCounts load(std::uint64_t version) const {
    const auto& copy = copies[version % 2];
    return {copy[0], copy[1], copy[2], copy[3], copy[4]};
  }

  void store(std::uint64_t version, const UsageCounts& counts) {
    auto& copy = copies[version % 2];
    copy[0] = counts.requests;
    copy[1] = counts.failed;
    copy[2] = counts.prompt_tokens;
    copy[3] = counts.completion_tokens;
    copy[4] = counts.estimated;
  }

  /// Consistent although the loop may be adding: a copy is only overwritten two updates later.
  [[nodiscard]] UsageCounts read() const {
    for (;;) {
      const std::uint64_t version = updates;
      const UsageCounts counts = load(version);
      if (updates - version < 1) return counts;
    }
  }
};

UsageJournal::UsageJournal(std::filesystem::path file, MappedFile mapped)
    : file_(std::move(file)), mapped_(std::move(mapped)) {}

UsageJournal::~UsageJournal() = default;

UsageJournal::Header& UsageJournal::header() const {
  return *reinterpret_cast<Header*>(mapped_.data());
}

std::span<UsageJournal::Cell> UsageJournal::cells() const {
  return {reinterpret_cast<Cell*>(mapped_.data() + kHeaderBytes), kCells};
}

Result<std::unique_ptr<UsageJournal>> UsageJournal::create(const std::filesystem::path& file) {
  INSULA_TRY(MappedFile mapped,
             MappedFile::create(unfinished_name(file), kHeaderBytes + kCells * sizeof(Cell)));
  std::unique_ptr<UsageJournal> journal(new UsageJournal(file, std::move(mapped)));
  journal->header().magic = kMagic;
  INSULA_TRY_VOID(put_in_place(file));
  return journal;
}

Result<std::unique_ptr<UsageJournal>> UsageJournal::open(const std::filesystem::path& file) {
  auto mapped = MappedFile::open(file, 1);
  if (!mapped && mapped.error().code() == ErrorCode::kNotFound) return create(file);
  if (!mapped) return std::unexpected(std::move(mapped).error());
  if (mapped->size() != kHeaderBytes + kCells * sizeof(Cell))
    return fail(ErrorCode::kConflict, file.string() + ": not a usage journal of this version");
  std::unique_ptr<UsageJournal> journal(new UsageJournal(file, *std::move(mapped)));
  if (journal->header().magic != kMagic)
    return fail(ErrorCode::kConflict, file.string() + ": not a usage journal");
  return journal;
}

void UsageJournal::add(const UsageEntry& entry, WallTime now) {
  Cell& cell = cell_of(entry, hour_of(now));
  const std::uint64_t version = cell.updates;
  UsageCounts counts = cell.load(version);
  counts += {1, entry.failed ? 1 : 0, entry.usage.prompt_tokens, entry.usage.completion_tokens,
             entry.usage.estimated ? 1 : 0};
  cell.store(version + 1, counts);
  cell.updates.store(version + 1, std::memory_order_release);
  changes_.fetch_add(1, std::memory_order_relaxed);
}

void UsageJournal::forget_old_hours(std::int64_t hour) {
  known_hour_ = hour;
  known_.clear();
  shares_.clear();
}

UsageJournal::Cell* UsageJournal::find(std::string_view tenant,
                                       std::string_view model,
                                       std::string_view key) {
  scratch_.assign(tenant).append(1, '\0').append(key).append(1, '\0').append(model);
  const auto found = known_.find(scratch_);
  return found == known_.end() ? nullptr : found->second;
}

UsageJournal::Cell& UsageJournal::cell_of(const UsageEntry& entry, std::int64_t hour) {
  if (hour != known_hour_) forget_old_hours(hour);
  const std::string_view kept = entry.model.substr(0, kModelBytes - 1);
  if (Cell* cell = find(entry.tenant, kept, entry.key); cell != nullptr) return *cell;
  std::string model(kept);
  Share& share = shares_[std::string(entry.tenant)];
  if (share.models.size() >= kModelsPerTenantMax && !share.models.contains(model)) {
    model = kOtherModel;
    if (Cell* cell = find(entry.tenant, model, entry.key); cell != nullptr) return *cell;
  }
  if (share.cells >= kCellsPerTenantMax) return others_of(entry.tenant, hour);
  Cell* cell =
      take({std::string(entry.tenant), model, std::string(entry.key), hour}, kCellsReserved);
  if (cell == nullptr) return others_of(entry.tenant, hour);
  ++share.cells;
  if (model != kOtherModel) share.models.insert(std::move(model));
  known_.emplace(scratch_, cell);
  return *cell;
}

UsageJournal::Cell& UsageJournal::others_of(std::string_view tenant, std::int64_t hour) {
  if (Cell* cell = find(tenant, kOtherModel, kOtherKey); cell != nullptr) return *cell;
  Cell* cell =
      take({std::string(tenant), std::string(kOtherModel), std::string(kOtherKey), hour}, 0);
  if (cell == nullptr) return nobodys(hour);
  known_.emplace(scratch_, cell);
  return *cell;
}

/// Nothing when there would be fewer than `reserved` free cells left.
UsageJournal::Cell* UsageJournal::take(const UsageKey& key, std::size_t reserved) {
  const std::span<Cell> table = cells().first(kCells - 1);  // The last one is nobody's.
  const std::size_t touched = std::min<std::size_t>(header().touched, table.size());
  const auto is_free = [](const Cell& cell) { return cell.use == 0; };
  const auto free_touched =
      static_cast<std::size_t>(std::ranges::count_if(table.first(touched), is_free));
  if (free_touched + (table.size() - touched) <= reserved) return nullptr;
  Cell& cell = *std::ranges::find_if(table, is_free);
  cell.updates = 0;
  cell.store(0, {});
  cell.hour = key.hour;
  put(cell.tenant, key.tenant);
  put(cell.model, key.model);
  put(cell.key, key.key);
  const auto number = static_cast<std::uint64_t>(&cell - table.data());
  if (header().touched <= number) header().touched = number + 1;
  cell.use.store(1 + system_random().below(UINT64_MAX - 1), std::memory_order_release);
  return &cell;
}

UsageJournal::Cell& UsageJournal::nobodys(std::int64_t hour) {
  Cell& last = cells().back();
  if (last.use == 0) {
    last.updates = 0;
    last.store(0, {});
    put(last.model, kOtherModel);
    last.hour = hour;
    header().touched = kCells;
    last.use.store(1 + system_random().below(UINT64_MAX - 1), std::memory_order_release);
  }
  return last;
}

std::vector<UsageJournal::Reading> UsageJournal::read() const {
  std::vector<Reading> readings;
  const std::size_t touched = std::min<std::size_t>(header().touched, kCells);
  for (std::size_t i = 0; i < touched; ++i) {
    const Cell& cell = cells()[i];
    const std::uint64_t use = cell.use.load(std::memory_order_acquire);
    if (use == 0) continue;
    readings.push_back({i,
                        use,
                        {text_of(cell.tenant), text_of(cell.model), text_of(cell.key), cell.hour},
                        cell.read()});
  }
  return readings;
}

void UsageJournal::release(const Reading& reading) {
  Cell& cell = cells()[reading.cell];
  if (cell.use == reading.use && cell.read() == reading.counts) cell.use = 0;
}

}  // namespace insula::gateway
