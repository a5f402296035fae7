#include "gateway/prefix_index.h"

#include <algorithm>
#include <cstring>

namespace insula::gateway {
namespace {

// Odd constants of xxHash64's mixing (XXH_PRIME64_1 and _2 in its specification).
constexpr std::uint64_t kMultiplyFirst = 0x9e3779b185ebca87U;
constexpr std::uint64_t kMultiplySecond = 0xc2b2ae3d27d4eb4fU;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

/// Up to eight bytes as a number.
std::uint64_t load(std::string_view bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  return word;
}

}  // namespace

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t hash = seed ^ fold(text.size() + kMultiplyFirst, kMultiplySecond);
  while (text.size() >= 2 * kWord) {
    hash = fold(load(text.substr(0, kWord)) ^ kMultiplyFirst ^ hash,
                load(text.substr(kWord, kWord)) ^ kMultiplySecond);
    text.remove_prefix(2 * kWord);
  }
  while (!text.empty()) {
    const std::size_t bytes = std::min(kWord, text.size());
    hash = fold(load(text.substr(0, bytes)) ^ kMultiplyFirst ^ hash, kMultiplySecond);
    text.remove_prefix(bytes);
  }
  return fold(hash ^ kMultiplySecond, kMultiplyFirst);
}

void PrefixBlocks::take(std::uint64_t scope, std::string_view prompt) {
  blocks_.clear();
  std::uint64_t hash = scope;
  const std::size_t count = std::min(prompt.size() / kBlockBytes, kBlocksMax);
  for (std::size_t i = 0; i < count; ++i) {
    hash = std::max<std::uint64_t>(hash_of(prompt.substr(i * kBlockBytes, kBlockBytes), hash), 1);
    blocks_.push_back(hash);
  }
}

std::size_t PrefixIndex::match(std::span<const std::uint64_t> blocks) const {
  const auto has = [this](std::uint64_t block) {
    const auto set = std::span(entries_).subspan(set_of(block), kWays);
    return std::ranges::any_of(set, [block](const Entry& entry) {
      return entry.load(std::memory_order_relaxed) == block;
    });
  };
  return static_cast<std::size_t>(std::ranges::find_if_not(blocks, has) - blocks.begin());
}

void PrefixIndex::note(std::span<const std::uint64_t> blocks) {
  for (const std::uint64_t block : blocks) {
    const auto set = std::span(entries_).subspan(set_of(block), kWays);
    // To the front; those before the place where it was, or all, move back by one.
    std::uint64_t moved = block;
    for (Entry& entry : set) {
      moved = entry.exchange(moved, std::memory_order_relaxed);
      if (moved == block || moved == 0) break;
    }
  }
}

}  // namespace insula::gateway
