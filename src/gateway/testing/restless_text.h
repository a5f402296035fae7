#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace insula::gateway {

/// Letters of which no longer sequence comes again: what an automaton knows of one piece of them
/// does not help with the next.
inline std::string restless_text(std::size_t bytes) {
  std::string text;
  std::uint64_t state = 1;
  while (text.size() < bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text += (state >> 40U & 1U) == 0 ? 'a' : 'b';
  }
  return text;
}

}  // namespace insula::gateway
