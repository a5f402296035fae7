#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace insula::gateway {

/// Lines of one event loop on their way to whoever writes or sends them: a fixed piece of memory. A
/// line for which there is no room is not taken, so that a slow reader costs its loop nothing.
///
/// Threads: append() from one loop; what is for the reader from one other thread at a time.
class LineRing {
 public:
  /// Holds `bytes`.
  explicit LineRing(std::size_t bytes);

  /// Called on the loop when there is enough to be worth a visit, once until reading() is called.
  /// Before the first append().
  void on_lines(std::function<void()> wake) { wake_ = std::move(wake); }

  /// Takes a line, which ends with its only newline. False when there is no room for it.
  [[nodiscard]] bool append(std::string_view line);

  // For the reader.

  /// The ring is about to be read.
  void reading() { woken_.store(false, std::memory_order_relaxed); }

  /// All lines that are unread, in two pieces: where the memory ends a line may be divided. Valid
  /// until they are dropped.
  [[nodiscard]] std::array<std::string_view, 2> unread() const;

  /// Gives up so many of the bytes that were unread.
  void drop(std::size_t bytes);

 private:
  std::size_t size_;
  std::unique_ptr<char[]> memory_;  // NOLINT(*-avoid-c-arrays): not set to zero, so not resident
  std::function<void()> wake_;
  std::atomic<bool> woken_{false};
  // Bytes ever.
  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace insula::gateway
