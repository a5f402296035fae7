#include "gateway/token_window.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "gateway/durable_axis.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x314b4f544c4e49;  // "INLTOK1"
constexpr std::int64_t kBucketNs = std::chrono::nanoseconds(TokenWindow::kBucketTime).count();
/// A bucket counts for as long as any instant of it is in the window.
constexpr std::int64_t kBucketsCounted = std::chrono::nanoseconds(kTokenWindow).count() / kBucketNs;

/// What a bucket holds, in one word, so that one swap changes both: its number, of which 24 bits
/// tell it from others for nineteen days, and its tokens.
struct Content {
  static constexpr int kTokenBits = 40;
  static constexpr std::uint64_t kTokensMost = (std::uint64_t{1} << kTokenBits) - 1;

  std::uint64_t word;

  static Content of(std::int64_t bucket, std::int64_t tokens) {
    return {static_cast<std::uint64_t>(bucket) << kTokenBits |
            std::min(static_cast<std::uint64_t>(tokens), kTokensMost)};
  }

  [[nodiscard]] std::int64_t tokens() const {
    return static_cast<std::int64_t>(word & kTokensMost);
  }

  /// Buckets that have begun since; negative when `now` is not the latest.
  [[nodiscard]] std::int64_t age(std::int64_t now) const {
    const std::uint64_t apart =
        (static_cast<std::uint64_t>(now) << kTokenBits) - (word & ~kTokensMost);
    return static_cast<std::int64_t>(apart) >> kTokenBits;
  }

  [[nodiscard]] bool counts(std::int64_t now) const { return age(now) <= kBucketsCounted; }
};

}  // namespace

struct TokenWindow::Layout {
  std::uint64_t magic;
  DurableAxis axis;
  /// When something was last reserved or settled.
  std::atomic<std::int64_t> newest;
  std::atomic<std::int64_t> reserved;
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets;

  std::atomic<std::uint64_t>& bucket(std::int64_t number) {
    return buckets[static_cast<std::uint64_t>(number) % kBuckets];
  }
};

TokenWindow::TokenWindow(MappedFile file, const Clock& clock)
    : file_(std::move(file)), clock_(clock) {}

TokenWindow::Layout& TokenWindow::layout() const {
  return *reinterpret_cast<Layout*>(file_.data());
}

std::int64_t TokenWindow::bucket_now() const {
  return layout().axis.now(clock_) / kBucketNs;
}

Result<std::unique_ptr<TokenWindow>> TokenWindow::open(const std::filesystem::path& file,
                                                       const Clock& clock,
                                                       std::string_view boot) {
  auto mapped = MappedFile::open(file, sizeof(Layout));
  const bool damaged = mapped ? reinterpret_cast<const Layout*>(mapped->data())->magic != kMagic
                              : mapped.error().code() == ErrorCode::kConflict;
  if (!mapped && !damaged && mapped.error().code() != ErrorCode::kNotFound)
    return std::unexpected(std::move(mapped).error());
  if (mapped && !damaged) {
    std::unique_ptr<TokenWindow> window(new TokenWindow(*std::move(mapped), clock));
    window->recover(boot);
    return window;
  }
  INSULA_TRY(MappedFile made, MappedFile::create(unfinished_name(file), sizeof(Layout)));
  std::unique_ptr<TokenWindow> window(new TokenWindow(std::move(made), clock));
  window->layout().magic = kMagic;
  // How many were used in the last window is not known, so it counts as full.
  if (damaged) window->layout().reserved = kTokenLimitMax;
  window->began_full_ = damaged;
  window->recover(boot);
  if (damaged) INSULA_TRY_VOID(keep_damaged(file));
  INSULA_TRY_VOID(put_in_place(file));
  return window;
}

void TokenWindow::recover(std::string_view boot) {
  Layout& all = layout();
  all.axis.resume(clock_, boot, all.newest);
  const std::int64_t now = bucket_now();
  // After nineteen days the numbers of buckets come again.
  const bool all_over = now - all.newest / kBucketNs > kBucketsCounted;
  for (auto& bucket : all.buckets) {
    const Content content{bucket};
    if (all_over || !content.counts(now)) bucket = 0;
    held_ += Content{bucket}.tokens();
  }
  if (const std::int64_t lost = all.reserved; lost > 0) {
    add(now, lost);
    note_change(all.axis.now(clock_));
  }
  all.reserved = 0;
}

/// Counts tokens as used in a bucket; held_ too.
void TokenWindow::add(std::int64_t bucket, std::int64_t tokens) {
  std::atomic<std::uint64_t>& cell = layout().bucket(bucket);
  Content before{cell};
  for (;;) {
    const bool over = !before.counts(bucket);
    const Content after = Content::of(bucket, (over ? 0 : before.tokens()) + tokens);
    if (!cell.compare_exchange_weak(before.word, after.word)) continue;
    held_ += after.tokens() - before.tokens();
    return;
  }
}

void TokenWindow::forget_before(std::int64_t bucket) {
  if (looked_at_.exchange(bucket) == bucket) return;
  for (auto& cell : layout().buckets) {
    Content content{cell};
    if (content.tokens() == 0 || content.counts(bucket)) continue;
    if (cell.compare_exchange_strong(content.word, 0)) held_ -= content.tokens();
  }
}

std::chrono::nanoseconds TokenWindow::until_free(std::int64_t needed, std::int64_t now) const {
  const std::int64_t present = now / kBucketNs;
  std::int64_t free = 0;
  for (std::int64_t bucket = present - kBucketsCounted; bucket <= present; ++bucket) {
    const Content content{layout().bucket(bucket)};
    if (content.tokens() == 0 || content.age(present) != present - bucket) continue;
    free += content.tokens();
    if (free >= needed)
      return std::chrono::nanoseconds((bucket + kBucketsCounted + 1) * kBucketNs - now);
  }
  // The rest is reserved, and when that is settled is not known.
  return kTokenWindow;
}

RateDecision TokenWindow::reserve(std::int64_t tokens, std::int64_t limit) {
  const std::int64_t now = layout().axis.now(clock_);
  forget_before(now / kBucketNs);
  std::int64_t held = held_;
  while (held + tokens <= limit) {
    if (!held_.compare_exchange_weak(held, held + tokens)) continue;
    // A kill before this line: the request has not gone anywhere yet.
    layout().reserved += tokens;
    note_change(now);
    const std::int64_t remaining = limit - held - tokens;
    return {true, limit, remaining,
            remaining == limit ? std::chrono::nanoseconds() : until_free(1, now)};
  }
  return {false, limit, std::max<std::int64_t>(limit - held, 0),
          until_free(held + tokens - limit, now)};
}

void TokenWindow::settle(std::int64_t reserved, std::int64_t used) {
  const std::int64_t now = layout().axis.now(clock_);
  note_change(now);
  // In this order: a kill between the two counts the request twice for a minute, never not at all.
  if (used > 0) add(now / kBucketNs, used);
  layout().reserved -= reserved;
  held_ -= reserved;
}

std::int64_t TokenWindow::counted() {
  forget_before(bucket_now());
  return held_;
}

void TokenWindow::note_change(std::int64_t now) {
  layout().newest.store(now, std::memory_order_relaxed);
  changed_.store(true, std::memory_order_relaxed);
}

void TokenWindow::flush() {
  forget_before(bucket_now());
  const bool wall_moved = layout().axis.note_wall(clock_);
  if (changed_.exchange(false) || wall_moved) file_.sync();
}

}  // namespace insula::gateway
