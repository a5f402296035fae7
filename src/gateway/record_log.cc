#include "gateway/record_log.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kExtension = ".records";
constexpr const char* kDamagedSuffix = ".damaged";
/// Records that are moved in one write.
constexpr std::size_t kBatch = 128;

std::optional<std::uint64_t> number_of(const std::filesystem::path& file) {
  if (file.extension() != kExtension) return std::nullopt;
  return parse_whole<std::uint64_t>(file.stem().string());
}

}  // namespace

RecordLog::RecordLog(std::filesystem::path folder,
                     const RecordRetention& retention,
                     const Clock& clock,
                     Counter& damaged,
                     Log log)
    : folder_(std::move(folder)),
      retention_(retention),
      clock_(clock),
      damaged_(damaged),
      log_(std::move(log)) {
  batch_.reserve(kBatch);
  batch_rings_.reserve(kBatch);
}

Result<std::unique_ptr<RecordLog>> RecordLog::open(const std::filesystem::path& folder,
                                                   const RecordRetention& retention,
                                                   const Clock& clock,
                                                   Counter& damaged,
                                                   Log log) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return fail_errno("create " + folder.string(), failed.value());
  std::unique_ptr<RecordLog> opened(
      new RecordLog(folder, retention, clock, damaged, std::move(log)));
  INSULA_TRY_VOID(opened->find_segments());
  INSULA_TRY_VOID(opened->open_newest());
  opened->remove_old();
  return opened;
}

void RecordLog::keep_aside(const std::filesystem::path& file, const Error& why) {
  log_.error("damaged usage records kept aside", "file", file.string() + kDamagedSuffix, "err",
             why);
  damaged_.add();
  if (::rename(file.c_str(), (file.string() + kDamagedSuffix).c_str()) != 0)
    log_.error("usage records not kept aside", "err",
               fail_errno("rename " + file.string()).error());
  const auto at = std::ranges::find(segments_, file, &Segment::file);
  if (at == segments_.end()) return;
  if (at + 1 == segments_.end()) newest_.reset();
  segments_.erase(at);
}

Result<> RecordLog::find_segments() {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, failed)) {
    const std::filesystem::path& file = entry.path();
    const auto number = number_of(file);
    if (number) segments_.push_back({.file = file, .number = *number});
    // A number is given once, so that nothing that was kept aside is lost to the next.
    const auto aside = file.extension() == kDamagedSuffix ? number_of(file.stem()) : std::nullopt;
    last_number_ = std::max({last_number_, number.value_or(0), aside.value_or(0)});
  }
  if (failed) return fail_errno("read " + folder_.string(), failed.value());
  std::ranges::sort(segments_, {}, &Segment::number);
  // A copy, since what is damaged is taken out.
  for (const Segment& found : std::deque<Segment>(segments_)) {
    const auto file = RecordFile::open(found.file);
    if (!file && file.error().code() != ErrorCode::kConflict) return std::unexpected(file.error());
    if (!file) {
      keep_aside(found.file, file.error());
      continue;
    }
    const auto segment = std::ranges::find(segments_, found.number, &Segment::number);
    INSULA_TRY(const auto last, file->last());
    segment->bytes = file->bytes();
    if (last) segment->newest_us = last->record.ended_us;
  }
  return {};
}

Result<> RecordLog::open_newest() {
  if (segments_.empty()) return {};
  INSULA_TRY(newest_, RecordFile::open(segments_.back().file));
  INSULA_TRY(const std::size_t cut, newest_->repair());
  if (cut > 0) {
    log_.warn("unfinished usage records cut off", "file", segments_.back().file.string(), "bytes",
              cut);
  }
  segments_.back().bytes = newest_->bytes();
  StoredRecord first;
  INSULA_TRY(const std::size_t got, newest_->read(0, std::span(&first, 1)));
  newest_since_us_ = got == 1 ? first.record.ended_us : micros_of(clock_.wall());
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    INSULA_TRY(const RecordFile file, RecordFile::open(segment->file));
    INSULA_TRY(const auto last, file.last());
    if (!last) continue;
    segment->newest_us = last->record.ended_us;
    return note_last_batch(file);
  }
  return {};
}

/// A batch is in one segment, and each but the last was given up in its rings.
Result<> RecordLog::note_last_batch(const RecordFile& file) {
  std::vector<StoredRecord> stored(kBatch);
  const std::size_t first = file.records() - std::min(file.records(), kBatch);
  INSULA_TRY(const std::size_t got, file.read(first, stored));
  for (const StoredRecord& each : std::span(stored).first(got)) {
    if (!each.is_whole()) continue;
    std::uint64_t& last = last_batch_[each.ring];
    last = std::max(last, each.number);
  }
  return {};
}

void RecordLog::resume(RecordRing& ring) const {
  const auto found = last_batch_.find(ring.id());
  if (found != last_batch_.end()) ring.forget_before(found->second + 1);
}

bool RecordLog::wants_rotation() const {
  if (!newest_ || !newest_->is_of_present_format() ||
      newest_->bytes() + sizeof(StoredRecord) > kSegmentBytes)
    return true;
  const auto age = std::chrono::microseconds(micros_of(clock_.wall()) - newest_since_us_);
  return newest_->records() > 0 && age > kSegmentAgeMax;
}

Result<> RecordLog::rotate() {
  if (newest_) INSULA_TRY_VOID(sync());
  const std::uint64_t number = ++last_number_;
  Segment next{.file = folder_ / fmt::format("{:010}{}", number, kExtension), .number = number};
  INSULA_TRY(newest_, RecordFile::create(next.file));
  next.bytes = newest_->bytes();
  segments_.push_back(std::move(next));
  newest_since_us_ = micros_of(clock_.wall());
  remove_old();
  return {};
}

/// Fills the batch with what is next by time.
void RecordLog::take_earliest(std::span<Source> sources, std::size_t count_max) {
  batch_.clear();
  batch_rings_.clear();
  const auto ended = [](const Source& source) {
    return source.next == source.end ? INT64_MAX : source.ring->at(source.next).ended_us;
  };
  while (batch_.size() < count_max) {
    Source& from = *std::ranges::min_element(sources, {}, ended);
    if (from.next == from.end) return;
    batch_.push_back(
        {.record = from.ring->at(from.next), .ring = from.ring->id(), .number = from.next});
    batch_.back().seal();
    batch_rings_.push_back(from.ring);
    ++from.next;
  }
}

Result<std::size_t> RecordLog::write_batch(std::span<Source> sources) {
  if (wants_rotation()) INSULA_TRY_VOID(rotate());
  for (Source& source : sources)
    source.next = source.ring->first_unread();
  take_earliest(sources,
                std::min(kBatch, (kSegmentBytes - newest_->bytes()) / sizeof(StoredRecord)));
  INSULA_TRY(const std::size_t written, newest_->append(batch_));
  // In this order: a kill in between finds the numbers of the last ones in the segment.
  for (std::size_t i = 0; i < written; ++i)
    batch_rings_[i]->forget_before(batch_[i].number + 1);
  if (written > 0) {
    segments_.back().bytes = newest_->bytes();
    segments_.back().newest_us = batch_[written - 1].record.ended_us;
    unsynced_ = true;
  }
  return written;
}

Result<> RecordLog::write_from(std::span<RecordRing* const> rings) {
  std::vector<Source> sources;
  std::size_t unread = 0;
  for (RecordRing* ring : rings) {
    const std::size_t of_ring = ring->unread();
    sources.push_back({.ring = ring, .end = ring->first_unread() + of_ring});
    unread += of_ring;
  }
  while (unread > 0) {
    INSULA_TRY(const std::size_t written, write_batch(sources));
    unread -= written;
  }
  return {};
}

void RecordLog::remove_old() {
  const std::int64_t now = micros_of(clock_.wall());
  const std::int64_t oldest = now - std::chrono::microseconds(retention_.age_max).count();
  std::uint64_t bytes = 0;
  for (const Segment& segment : segments_)
    bytes += segment.bytes;
  while (!segments_.empty()) {
    const Segment& first = segments_.front();
    const bool written = segments_.size() == 1;
    const bool too_old =
        written ? first.newest_us != 0 && first.newest_us < oldest : first.newest_us < oldest;
    const bool too_many = !written && bytes > retention_.bytes_max;
    if (!too_old && !too_many) return;
    std::error_code failed;
    std::filesystem::remove(first.file, failed);
    if (failed) {
      log_.error("old usage records not removed", "file", first.file.string(), "err",
                 failed.message());
      return;
    }
    bytes -= first.bytes;
    if (written) newest_.reset();
    segments_.pop_front();
  }
}

Result<> RecordLog::sync() {
  if (!std::exchange(unsynced_, false) || !newest_) return {};
  return newest_->sync();
}

std::vector<std::filesystem::path> RecordLog::segments() const {
  std::vector<std::filesystem::path> files;
  files.reserve(segments_.size());
  for (const Segment& segment : segments_)
    files.push_back(segment.file);
  return files;
}

}  // namespace insula::gateway
