#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

namespace insula::simulator {

/// The blocks of prompts that a model server keeps in its KV cache, the least recently used first
/// to go, as vLLM's automatic prefix caching has them: a block is known by all tokens up to its
/// end.
class PrefixCache {
 public:
  /// Tokens in a block, vLLM's default.
  static constexpr std::int64_t kBlockTokens = 16;

  /// 0 blocks: it keeps nothing.
  explicit PrefixCache(std::size_t blocks_max) : blocks_max_(blocks_max) {}

  /// Takes in a prompt. Returns how many of its tokens were there, from its start on; the last
  /// block is always computed anew, as a server needs some token to go on from.
  std::int64_t take(std::string_view prompt);

  /// The part of it that is in use.
  [[nodiscard]] double usage() const;

 private:
  bool touch(std::uint64_t block);

  std::size_t blocks_max_;
  std::list<std::uint64_t> recent_;  // last used first
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> known_;
};

}  // namespace insula::simulator
