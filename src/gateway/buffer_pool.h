#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace insula::gateway {

/// Memory of bodies that are gone, for those that come: a large body would otherwise cost the page
/// faults of fresh memory each time.
///
/// Threads: one at a time.
class BufferPool {
 public:
  /// Smaller ones are malloc's business.
  static constexpr std::size_t kBufferBytesMin = std::size_t{4} << 10U;
  static constexpr std::size_t kBytesMax = std::size_t{4} << 20U;

  /// A text of no characters with room for `bytes`.
  [[nodiscard]] std::string take(std::size_t bytes);

  /// Keeps the memory of `text`, if there is room for it.
  void give(std::string text);

  /// Of all that is kept.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::vector<std::string> kept_;
  std::size_t bytes_ = 0;
};

}  // namespace insula::gateway
