#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace insula::gateway {

/// Hashes of a prompt's beginning, block by block, each over all before it: two prompts share as
/// many as they have whole blocks in common from their start. What a block may be shared within
/// (model, tenant) is in the first hash.
///
/// Kept from request to request for its memory.
class PrefixBlocks {
 public:
  /// Some 64 tokens of text.
  static constexpr std::size_t kBlockBytes = 256;
  /// Of a prompt: its first 64 KiB.
  static constexpr std::size_t kBlocksMax = 256;

  /// What is less than a block at the end is left out.
  void take(std::uint64_t scope, std::string_view prompt);

  void clear() { blocks_.clear(); }

  [[nodiscard]] std::span<const std::uint64_t> list() const { return blocks_; }

 private:
  std::vector<std::uint64_t> blocks_;
};

/// 64 bits of it that depend on all of `text` and `seed`; not for keeping secrets.
[[nodiscard]] std::uint64_t hash_of(std::string_view text, std::uint64_t seed);

/// Which blocks an endpoint has been sent lately: an approximation of what its KV cache has, since
/// it does not say. A set-associative table; in each set the block that was sent longest ago makes
/// room. What two threads write at once may be lost, which is one more request without a match.
///
/// Threads: any.
class PrefixIndex {
 public:
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kSets = 2048;
  /// 4 MiB of prompts in 128 KiB of memory.
  static constexpr std::size_t kEntries = kWays * kSets;

  PrefixIndex() : entries_(kEntries) {}

  /// How many of `blocks`, from the first on without a gap, it has.
  [[nodiscard]] std::size_t match(std::span<const std::uint64_t> blocks) const;

  /// They are being sent.
  void note(std::span<const std::uint64_t> blocks);

 private:
  using Entry = std::atomic<std::uint64_t>;

  [[nodiscard]] static std::size_t set_of(std::uint64_t block) { return block % kSets * kWays; }

  std::vector<Entry> entries_;  // 0: none
};

}  // namespace insula::gateway
