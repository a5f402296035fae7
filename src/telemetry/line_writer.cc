#include "telemetry/line_writer.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace insula {

namespace {

/// Lines are written so many bytes at a time, or one by one if they are longer.
constexpr std::size_t kPieceBytes = std::size_t{64} << 10U;
/// How long the first line waits for others, so that a busy caller wakes the thread rarely.
constexpr std::chrono::milliseconds kGather{20};

/// The beginning of `lines` that is written at once: whole lines.
std::string_view first_piece(std::string_view lines) {
  if (lines.size() <= kPieceBytes) return lines;
  const std::size_t last = lines.rfind('\n', kPieceBytes - 1);
  return lines.substr(0, (last == std::string_view::npos ? lines.find('\n') : last) + 1);
}

}  // namespace

LineWriter::LineWriter(
    RotatedFile file, Options options, Counter& written, Counter& dropped, Log log)
    : file_(std::move(file)),
      options_(std::move(options)),
      written_(written),
      dropped_(dropped),
      log_(std::move(log)),
      thread_([this] { work(); }) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LineWriter::write(std::string_view line) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() + 1 > options_.waiting_bytes_max) {
      dropped_.add();
      return;
    }
    was_empty = waiting_.empty();
    waiting_ += line;
    waiting_ += '\n';
  }
  if (was_empty) wake_.notify_one();
}

void LineWriter::work() {
  std::string lines;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    wake_.wait_for(lock, kGather, [this] { return stopping_; });
    lines.clear();
    std::swap(lines, waiting_);
    lock.unlock();
    put(lines);
    // A burst does not keep its memory.
    if (lines.capacity() > kPieceBytes) lines = std::string();
    lock.lock();
  }
}

void LineWriter::put(std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view piece = first_piece(lines);
    lines.remove_prefix(piece.size());
    const auto count = static_cast<std::uint64_t>(std::ranges::count(piece, '\n'));
    const Result<> put = file_.append(piece);
    (put ? written_ : dropped_).add(count);
    if (!put && !failing_) log_.error("lines not written", "to", options_.what, "err", put.error());
    failing_ = !put;
  }
}

}  // namespace insula
