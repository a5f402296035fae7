#include "gateway/rate_ring.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

namespace insula::gateway {
namespace {

constexpr std::int64_t kMagic = 0x31474e49524c4e49;  // "INLRING1"
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 4096;

static_assert(std::atomic<std::int64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::int64_t>) == sizeof(std::int64_t));

}  // namespace

struct RateWindow::Ring::Header {
  std::int64_t magic;
  std::int64_t version;
  std::int64_t capacity;
  DurableAxis axis;
};

RateWindow::Ring::Ring(MappedFile file)
    : file_(std::move(file)),
      slots_(reinterpret_cast<std::atomic<std::int64_t>*>(file_.data() + kHeaderBytes),
             (file_.size() - kHeaderBytes) / sizeof(std::int64_t)) {}

RateWindow::Ring::Header& RateWindow::Ring::header() const {
  return *reinterpret_cast<Header*>(file_.data());
}

DurableAxis& RateWindow::Ring::axis() const {
  return header().axis;
}

Result<std::unique_ptr<RateWindow::Ring>> RateWindow::Ring::open(
    const std::filesystem::path& file) {
  INSULA_TRY(MappedFile mapped, MappedFile::open(file, kHeaderBytes + 2 * sizeof(std::int64_t)));
  std::unique_ptr<Ring> ring(new Ring(std::move(mapped)));
  const Header& header = ring->header();
  if (header.magic != kMagic || header.version != kVersion ||
      header.capacity != static_cast<std::int64_t>(ring->capacity()) ||
      !std::has_single_bit(ring->capacity())) {
    return fail(ErrorCode::kConflict, file.string() + ": not a rate limit ring");
  }
  return ring;
}

Result<std::unique_ptr<RateWindow::Ring>> RateWindow::Ring::create(
    const std::filesystem::path& file, std::int64_t limit) {
  const auto needed =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(limit, 1, kRateLimitMax)) + 1;
  const std::uint64_t capacity = std::bit_ceil(needed);
  INSULA_TRY(MappedFile mapped,
             MappedFile::create(file, kHeaderBytes + capacity * sizeof(std::int64_t)));
  std::unique_ptr<Ring> ring(new Ring(std::move(mapped)));
  Header& header = ring->header();
  header.magic = kMagic;
  header.version = kVersion;
  header.capacity = static_cast<std::int64_t>(capacity);
  ring->head = capacity;
  return ring;
}

void RateWindow::Ring::resume_axis(const Clock& clock, std::string_view boot) {
  axis().resume(clock, boot, slot(head - 1));
}

void RateWindow::Ring::recover() {
  std::vector<std::int64_t> times;
  bool ordered = true;
  std::uint64_t drops = 0;
  for (std::uint64_t i = 0; i < capacity(); ++i) {
    const std::int64_t time = slot(i);
    ordered = ordered && time >= 0 && time <= kTimeMax;
    if (time > slot(i + 1)) ++drops;
    if (time > 0 && time <= kTimeMax) times.push_back(time);
  }
  std::ranges::sort(times);
  times.erase(std::ranges::unique(times).begin(), times.end());
  if (!ordered || drops > 1) {
    // A machine that crashed wrote some pages and not others, or grow() was cut short.
    for (auto& entry : slots_)
      entry = 0;
    fill(times);
    return;
  }
  head = capacity();
  for (std::uint64_t i = 0; i < capacity(); ++i) {
    if (slot(i) > slot(i + 1)) head = capacity() + i + 1;
  }
}

void RateWindow::Ring::fill(std::span<const std::int64_t> times) {
  // One slot stays free: the next admission's.
  const std::size_t kept = std::min<std::size_t>(times.size(), capacity() - 1);
  std::uint64_t sequence = capacity();
  for (const std::int64_t time : times.last(kept))
    slot(sequence++) = time;
  head = sequence;
}

}  // namespace insula::gateway
