#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/framing.h"
#include "net/stream.h"

namespace insula::http {

/// Which end of the connection we are; decides whom an Error blames.
enum class Side : std::uint8_t { kServer, kClient };

/// The receiving half of an HTTP/1 connection: bytes that have arrived and are not used up yet.
///
/// Holds no memory while it waits with nothing buffered, so ten thousand idle connections cost
/// their sockets only.
class WireReader {
 public:
  /// `stream` outlives the reader.
  WireReader(net::Stream& stream, Side side) : stream_(stream), side_(side) {}

  WireReader(const WireReader&) = delete;
  WireReader& operator=(const WireReader&) = delete;

  [[nodiscard]] std::string_view buffered() const {
    return std::string_view(bytes_).substr(begin_);
  }

  void consume(std::size_t size) { begin_ += size; }

  /// Reads what has arrived, waiting for something. 0 at the end of the stream.
  /// Errors: kTimeout; what Stream::read gives.
  Task<Result<std::size_t>> fill(Deadline deadline);

  /// The next payload bytes of the body that `framer` delimits; 0 at its end.
  /// Errors: kTimeout; broken framing and an early end as the peer's fault.
  Task<Result<std::size_t>> read_body(BodyFramer& framer, std::span<char> out, Deadline deadline);

  /// fill() without waiting; nullopt when nothing has arrived.
  std::optional<Result<std::size_t>> try_fill();

  [[nodiscard]] bool at_end() const { return ended_; }

 private:
  Task<Result<std::size_t>> wait_fill();
  Task<Result<std::size_t>> receive(std::span<char> out, Deadline deadline);
  [[nodiscard]] Error broken(Refusal refusal) const;
  [[nodiscard]] Error cut_short() const;

  net::Stream& stream_;
  std::string bytes_;
  std::size_t begin_ = 0;
  Side side_;
  bool ended_ = false;
};

/// Writes all of both, with a fresh `patience` for every 256 KiB, so that a slow reader of
/// something large is told from one that has stopped. Errors: kTimeout; what Stream::write gives.
Task<Result<>> write_patiently(net::Stream& stream,
                               std::string_view first,
                               std::string_view second,
                               std::chrono::nanoseconds patience);

}  // namespace insula::http
