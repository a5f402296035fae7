#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace insula::simulator {

/// Tokens of a text. A token is a run of characters without white space: simple enough that anyone
/// can check a bill by counting.
[[nodiscard]] std::int64_t count_tokens(std::string_view text);

/// A reply to `prompt`, the same for the same seed and prompt: between 8 and 32 tokens, each but
/// the first with a space before it, at most `max_tokens` of them.
struct InventedReply {
  std::vector<std::string_view> tokens;  // of a fixed vocabulary
  bool cut = false;                      // max_tokens ended it
};

[[nodiscard]] InventedReply invent_reply(std::uint64_t seed,
                                         std::string_view prompt,
                                         std::int64_t max_tokens);

/// A unit vector, the same for the same seed and text.
[[nodiscard]] std::vector<double> invent_embedding(std::uint64_t seed,
                                                   std::string_view text,
                                                   std::size_t size);

}  // namespace insula::simulator
