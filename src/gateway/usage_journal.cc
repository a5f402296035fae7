#include "gateway/usage_journal.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "gateway/usage_record_v1.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x334c4e524a4c4e49;    // "INLJRNL3"
constexpr std::uint64_t kMagicV2 = 0x324c4e524a4c4e49;  // "INLJRNL2"
constexpr std::size_t kCellsV2 = 8192;
constexpr std::size_t kHeaderBytes = 4096;

std::int64_t hour_of(WallTime now) {
  return std::chrono::floor<std::chrono::hours>(now.time_since_epoch()).count();
}

}  // namespace

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
  std::array<std::atomic<std::int64_t>, kUsageCountMembers.size()> copies[2];
  std::int64_t hour;
  UsageSubject subject;

  [[nodiscard]] UsageCounts load(std::uint64_t version) const {
    const auto& copy = copies[version % 2];
    UsageCounts counts;
    for (std::size_t i = 0; i < copy.size(); ++i)
      counts.*kUsageCountMembers[i] = copy[i].load(std::memory_order_relaxed);
    return counts;
  }

  void store(std::uint64_t version, const UsageCounts& counts) {
    // A reader that sees any of it must find the version moved on from the one it read before.
    std::atomic_thread_fence(std::memory_order_release);
    auto& copy = copies[version % 2];
    for (std::size_t i = 0; i < copy.size(); ++i)
      copy[i].store(counts.*kUsageCountMembers[i], std::memory_order_relaxed);
  }

  /// Consistent although the loop may be adding: a copy is only overwritten two updates later.
  [[nodiscard]] UsageCounts read() const {
    for (;;) {
      const std::uint64_t version = updates.load(std::memory_order_acquire);
      const UsageCounts counts = load(version);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (updates.load(std::memory_order_relaxed) == version) return counts;
    }
  }
};

/// Of the second format, which knew no members.
struct UsageJournal::CellV2 {
  std::uint64_t use = 0;
  std::uint64_t updates = 0;
  std::array<std::int64_t, kUsageCountMembers.size()> copies[2] = {};
  std::int64_t hour = 0;
  UsageSubjectV1 subject;
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

/// Puts a journal with the same cells in the place of one of the second format: whoever wrote down
/// an update of a cell finds it there.
Result<MappedFile> UsageJournal::convert(const MappedFile& old, const std::filesystem::path& file) {
  INSULA_TRY(MappedFile made,
             MappedFile::create(unfinished_name(file), kHeaderBytes + kCells * sizeof(Cell)));
  auto& to = *reinterpret_cast<Header*>(made.data());
  to.magic = kMagic;
  const auto& from = *reinterpret_cast<const Header*>(old.data());
  const std::size_t touched = std::min<std::size_t>(from.touched, kCellsV2);
  to.touched = touched;
  const auto* before = reinterpret_cast<const CellV2*>(old.data() + kHeaderBytes);
  auto* cells = reinterpret_cast<Cell*>(made.data() + kHeaderBytes);
  for (std::size_t i = 0; i < touched; ++i) {
    Cell& cell = cells[i];
    cell.updates = before[i].updates;
    for (std::size_t copy = 0; copy < 2; ++copy) {
      for (std::size_t member = 0; member < cell.copies[copy].size(); ++member)
        cell.copies[copy][member] = before[i].copies[copy][member];
    }
    cell.hour = before[i].hour;
    cell.subject = before[i].subject.present();
    cell.use = before[i].use;
  }
  INSULA_TRY_VOID(put_in_place(file));
  return made;
}

Result<std::unique_ptr<UsageJournal>> UsageJournal::open(const std::filesystem::path& file) {
  auto mapped = MappedFile::open(file, 1);
  if (mapped && mapped->size() == kHeaderBytes + kCellsV2 * sizeof(CellV2) &&
      reinterpret_cast<const Header*>(mapped->data())->magic == kMagicV2)
    mapped = convert(*mapped, file);
  if (!mapped && mapped.error().code() == ErrorCode::kNotFound) return create(file);
  if (!mapped) return std::unexpected(std::move(mapped).error());
  if (mapped->size() != kHeaderBytes + kCells * sizeof(Cell))
    return fail(ErrorCode::kConflict, file.string() + ": not a usage journal of this version");
  std::unique_ptr<UsageJournal> journal(new UsageJournal(file, *std::move(mapped)));
  if (journal->header().magic != kMagic)
    return fail(ErrorCode::kConflict, file.string() + ": not a usage journal");
  return journal;
}

UsageJournal::Update UsageJournal::prepare(const UsageRecord& record, WallTime now) {
  const Cell& cell = cell_of(record.subject, hour_of(now));
  return {static_cast<std::uint64_t>(&cell - cells().data()), cell.use, cell.updates + 1};
}

void UsageJournal::commit(const Update& update, const UsageRecord& record) {
  Cell& cell = cells()[update.cell];
  UsageCounts counts = cell.load(update.version - 1);
  counts += record.counts();
  cell.store(update.version, counts);
  cell.updates.store(update.version, std::memory_order_release);
  changes_.fetch_add(1, std::memory_order_relaxed);
}

UsageJournal::Made UsageJournal::find(const Update& update) const {
  if (update.cell >= kCells || cells()[update.cell].use != update.use) return Made::kGone;
  const std::uint64_t updates = cells()[update.cell].updates;
  if (updates >= update.version) return Made::kYes;
  return updates + 1 == update.version ? Made::kNo : Made::kGone;
}

void UsageJournal::forget_old_hours(std::int64_t hour) {
  known_hour_ = hour;
  known_.clear();
  shares_.clear();
}

UsageJournal::Cell* UsageJournal::known(const UsageSubject& subject) {
  scratch_.clear();
  for (const std::string_view part :
       {subject.tenant.view(), subject.uid.view(), subject.key.view(), subject.currency.view(),
        subject.model.view(), subject.member.view()})
    scratch_.append(part).append(1, '\0');
  const auto found = known_.find(scratch_);
  return found == known_.end() ? nullptr : found->second;
}

UsageJournal::Cell& UsageJournal::cell_of(const UsageSubject& subject, std::int64_t hour) {
  if (hour != known_hour_) forget_old_hours(hour);
  if (Cell* cell = known(subject); cell != nullptr) return *cell;
  UsageSubject wanted = subject;
  Share& share = shares_[std::string(subject.tenant.view())];
  std::string model(subject.model.view());
  if (share.models.size() >= kModelsPerTenantMax && !share.models.contains(model)) {
    wanted.model.set(kOtherModel);
    if (Cell* cell = known(wanted); cell != nullptr) return *cell;
    model = kOtherModel;
  }
  if (share.cells >= kCellsPerTenantMax) return others_of(wanted, hour);
  Cell* cell = take(wanted, hour, kCellsReserved);
  if (cell == nullptr) return others_of(wanted, hour);
  ++share.cells;
  if (model != kOtherModel) share.models.insert(std::move(model));
  known_.emplace(scratch_, cell);
  return *cell;
}

UsageJournal::Cell& UsageJournal::others_of(UsageSubject subject, std::int64_t hour) {
  subject.model.set(kOtherModel);
  subject.key.set(kOtherKey);
  subject.member.set(kOtherMember);
  if (Cell* cell = known(subject); cell != nullptr) return *cell;
  Cell* cell = take(subject, hour, 0);
  if (cell == nullptr) return nobodys(subject, hour);
  known_.emplace(scratch_, cell);
  return *cell;
}

/// Nothing when there would be fewer than `reserved` free cells left.
UsageJournal::Cell* UsageJournal::take(const UsageSubject& subject,
                                       std::int64_t hour,
                                       std::size_t reserved) {
  const std::span<Cell> table = cells().first(kCells - 1);  // The last one is nobody's.
  const std::size_t touched = std::min<std::size_t>(header().touched, table.size());
  const auto is_free = [](const Cell& cell) { return cell.use == 0; };
  const auto free_touched =
      static_cast<std::size_t>(std::ranges::count_if(table.first(touched), is_free));
  if (free_touched + (table.size() - touched) <= reserved) return nullptr;
  Cell& cell = *std::ranges::find_if(table, is_free);
  cell.updates = 0;
  cell.store(0, {});
  cell.hour = hour;
  cell.subject = subject;
  const auto number = static_cast<std::uint64_t>(&cell - table.data());
  if (header().touched <= number) header().touched = number + 1;
  cell.use.store(1 + system_random().below(UINT64_MAX - 1), std::memory_order_release);
  return &cell;
}

UsageJournal::Cell& UsageJournal::nobodys(const UsageSubject& subject, std::int64_t hour) {
  Cell& last = cells().back();
  if (last.use == 0) {
    last.updates = 0;
    last.store(0, {});
    last.subject = {};
    last.subject.model.set(kOtherModel);
    last.subject.currency = subject.currency;
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
    const UsageSubject& subject = cell.subject;
    readings.push_back({i,
                        use,
                        {.tenant = std::string(subject.tenant.view()),
                         .model = std::string(subject.model.view()),
                         .key = std::string(subject.key.view()),
                         .hour = cell.hour,
                         .uid = std::string(subject.uid.view()),
                         .currency = std::string(subject.currency.view()),
                         .member = std::string(subject.member.view())},
                        cell.read()});
  }
  return readings;
}

void UsageJournal::release(const Reading& reading) {
  Cell& cell = cells()[reading.cell];
  if (cell.use == reading.use && cell.read() == reading.counts) cell.use = 0;
}

}  // namespace insula::gateway
