#include "gateway/record_scan.h"

#include <algorithm>
#include <span>
#include <utility>

namespace insula::gateway {
namespace {

constexpr std::size_t kReadAtOnce = 128;

}  // namespace

bool RecordQuery::wants(const UsageRecord& record) const {
  return record.ended_us >= from_us && record.ended_us < to_us &&
         (tenant.empty() || record.subject.tenant.view() == tenant) &&
         (!uid || record.subject.uid.view() == *uid);
}

RecordScan::RecordScan(std::vector<std::filesystem::path> segments, RecordQuery query)
    : segments_(std::move(segments)),
      query_(std::move(query)),
      left_(query_.limit),
      read_(kReadAtOnce) {
  if (query_.oldest_first) std::ranges::reverse(segments_);
}

/// Opens the next segment. False when there is none.
Result<bool> RecordScan::open_next() {
  while (!segments_.empty()) {
    const std::filesystem::path file = std::move(segments_.back());
    segments_.pop_back();
    auto opened = RecordFile::open(file);
    // Removed for its age, or damaged since the start: the next start keeps it aside.
    if (!opened && (opened.error().code() == ErrorCode::kNotFound ||
                    opened.error().code() == ErrorCode::kConflict))
      continue;
    INSULA_TRY(file_, std::move(opened));
    begin_ = 0;
    end_ = file_->records();
    return true;
  }
  return false;
}

/// Looks at the next records of the open file. Returns how many.
Result<std::size_t> RecordScan::read_some(Piece& piece) {
  const std::size_t count = std::min(read_.size(), end_ - begin_);
  const std::size_t first = query_.oldest_first ? begin_ : end_ - count;
  INSULA_TRY(const std::size_t got, file_->read(first, std::span(read_).first(count)));
  if (query_.oldest_first) {
    begin_ = got < count ? end_ : begin_ + count;
  } else {
    end_ = first;
    std::reverse(read_.begin(), read_.begin() + static_cast<std::ptrdiff_t>(got));
  }
  for (const StoredRecord& stored : std::span(read_).first(got)) {
    if (left_ == 0) break;
    if (!stored.is_whole()) {
      ++piece.damaged;
    } else if (query_.wants(stored.record)) {
      piece.records.push_back(stored.record);
      --left_;
    }
  }
  return count;
}

Result<RecordScan::Piece> RecordScan::next() {
  Piece piece;
  for (std::size_t looked_at = 0; looked_at < kLookedAtMax && left_ > 0;) {
    if (begin_ == end_) {
      INSULA_TRY(const bool more, open_next());
      if (!more) {
        left_ = 0;
        break;
      }
      ++looked_at;
      continue;
    }
    INSULA_TRY(const std::size_t count, read_some(piece));
    looked_at += count;
  }
  piece.last = left_ == 0;
  return piece;
}

}  // namespace insula::gateway
