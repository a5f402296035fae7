#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "gateway/body_memory.h"

namespace insula::gateway {

class Worker;

/// The body of a request while the gateway holds it. What arrives counts against what one body, all
/// bodies of its tenant and all of the worker together may have.
///
/// Lifetime: the worker outlives it. Threads: the worker's loop.
class HeldBody {
 public:
  explicit HeldBody(Worker& worker);

  HeldBody(const HeldBody&) = delete;
  HeldBody& operator=(const HeldBody&) = delete;

  ~HeldBody() { drop(); }

  /// Whose it is, once that is known.
  void belong_to(std::string_view tenant) { memory_.belong_to(tenant); }

  /// It may have no more than this and what every body may, until drop().
  void hold_at_most(std::size_t bytes);

  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }

  /// Errors: kTooLarge; kUnavailable when bodies together hold too much. Both may be shown to the
  /// client.
  Result<> append(std::string_view piece);

  /// So many bytes will come, if all goes well.
  void expect(std::size_t bytes);

  /// Where the next bytes may be put, before add_received() says how many. As large as what is
  /// still expected.
  [[nodiscard]] std::span<char> room();

  /// Errors: as append().
  Result<> add_received(std::size_t bytes);

  /// Followed by RequestReader::kPadding readable bytes. Valid until the body changes.
  [[nodiscard]] std::string_view text() const { return {buffer_.data(), size_}; }

  /// Puts `text` in place of `erase` bytes at `offset`.
  void replace(std::size_t offset, std::size_t erase, std::string_view text);

  /// Takes a copy of a body that is elsewhere, which counts as held there.
  void copy(std::string_view body);

  /// Keeps nothing.
  void drop();

 private:
  void make_room(std::size_t bytes);

  Worker& worker_;
  std::string buffer_;  // as large as its capacity; the body is its beginning
  std::size_t size_ = 0;
  std::size_t expected_ = 0;
  std::size_t bytes_max_;
  BodyMemory::Share memory_;
};

/// Bytes a second that a body must come with on the whole: 32 MiB may take 34 minutes.
inline constexpr std::size_t kBodyRateMin = std::size_t{16} << 10U;

/// What a body over the limit is refused with.
[[nodiscard]] std::unexpected<Error> body_too_large(std::size_t bytes_max);

}  // namespace insula::gateway
