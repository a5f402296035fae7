#include "simulator/prefix_cache.h"

#include <algorithm>
#include <vector>

namespace insula::simulator {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";
// FNV-1a, 64 bits.
constexpr std::uint64_t kOffsetBasis = 0xcbf29ce484222325U;
constexpr std::uint64_t kPrime = 0x100000001b3U;

/// Hashes of the whole blocks of a prompt, each over all before it. A token is a run of characters
/// without white space, see count_tokens().
std::vector<std::uint64_t> blocks_of(std::string_view prompt) {
  std::vector<std::uint64_t> blocks;
  std::uint64_t hash = kOffsetBasis;
  std::int64_t tokens = 0;
  for (std::size_t at = prompt.find_first_not_of(kWhiteSpace); at != prompt.npos;) {
    const std::size_t end = std::min(prompt.find_first_of(kWhiteSpace, at), prompt.size());
    for (const char c : prompt.substr(at, end - at))
      hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    hash = (hash ^ ' ') * kPrime;
    if (++tokens % PrefixCache::kBlockTokens == 0) blocks.push_back(hash);
    at = prompt.find_first_not_of(kWhiteSpace, end);
  }
  return blocks;
}

}  // namespace

bool PrefixCache::touch(std::uint64_t block) {
  if (const auto known = known_.find(block); known != known_.end()) {
    recent_.splice(recent_.begin(), recent_, known->second);
    return true;
  }
  if (known_.size() == blocks_max_) {
    known_.erase(recent_.back());
    recent_.pop_back();
  }
  recent_.push_front(block);
  known_.emplace(block, recent_.begin());
  return false;
}

std::int64_t PrefixCache::take(std::string_view prompt) {
  if (blocks_max_ == 0) return 0;
  const std::vector<std::uint64_t> blocks = blocks_of(prompt);
  std::int64_t found = 0;
  bool is_start = true;
  for (const std::uint64_t block : blocks) {
    is_start = touch(block) && is_start;
    if (is_start) ++found;
  }
  const auto reusable = static_cast<std::int64_t>(blocks.size()) - 1;
  return std::clamp<std::int64_t>(found, 0, std::max<std::int64_t>(reusable, 0)) * kBlockTokens;
}

double PrefixCache::usage() const {
  if (blocks_max_ == 0) return 0;
  return static_cast<double>(known_.size()) / static_cast<double>(blocks_max_);
}

}  // namespace insula::simulator
