#include "gateway/line_ring.h"

#include <algorithm>
#include <cstring>

namespace insula::gateway {
namespace {

/// Of the ring: when as much of it is full, it is worth a visit.
constexpr std::size_t kShareWorthReading = 4;

}  // namespace

LineRing::LineRing(std::size_t bytes)
    : size_(bytes), memory_(std::make_unique_for_overwrite<char[]>(bytes)) {}

bool LineRing::append(std::string_view line) {
  const std::uint64_t written = written_.load(std::memory_order_relaxed);
  const std::size_t used = written - read_.load(std::memory_order_acquire);
  if (line.size() > size_ - used) return false;
  const std::size_t at = written % size_;
  const std::size_t first = std::min(line.size(), size_ - at);
  std::memcpy(memory_.get() + at, line.data(), first);
  std::memcpy(memory_.get(), line.data() + first, line.size() - first);
  written_.store(written + line.size(), std::memory_order_release);
  if (used + line.size() >= size_ / kShareWorthReading && wake_ &&
      !woken_.exchange(true, std::memory_order_relaxed))
    wake_();
  return true;
}

std::array<std::string_view, 2> LineRing::unread() const {
  const std::uint64_t read = read_.load(std::memory_order_relaxed);
  const std::size_t bytes = written_.load(std::memory_order_acquire) - read;
  const std::size_t at = read % size_;
  const std::size_t first = std::min(bytes, size_ - at);
  return {std::string_view(memory_.get() + at, first),
          std::string_view(memory_.get(), bytes - first)};
}

void LineRing::drop(std::size_t bytes) {
  read_.store(read_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
}

}  // namespace insula::gateway
