#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/parser.h"

namespace insula::http {

/// Finds the end of one HTTP/1 message body, and its payload, while the bytes pass through.
///
/// Holds no bytes. A relay that forwards the body as it came forwards `used` bytes of each step and
/// may look at `data`, the payload among them, on the way; a reader keeps only the payload.
///
///   for (std::string_view rest = received; !rest.empty() && !framer.done();) {
///     const BodyFramer::Step step = framer.next(rest);
///     if (framer.refusal() != Refusal::kNone) ...;    // close the connection
///     inspect(step.data);
///     rest.remove_prefix(step.used);
///   }
///
/// Stricter than the grammar: chunk sizes are 1 to 16 hexadecimal digits without white space, line
/// ends are CR LF, extensions and trailers are syntax-checked and bounded by kChunkOverheadMax.
///
/// Spec: RFC 9112 sections 6 and 7.
class BodyFramer {
 public:
  /// Most bytes of chunk extensions and trailers in one body.
  static constexpr std::size_t kChunkOverheadMax = 16uz * 1024;

  /// No body: done from the start.
  BodyFramer() = default;

  [[nodiscard]] static BodyFramer of_length(std::uint64_t bytes);
  [[nodiscard]] static BodyFramer chunked();
  /// The body ends with the connection; done() is never true.
  [[nodiscard]] static BodyFramer until_close();

  /// A request without length and chunked coding has no body.
  [[nodiscard]] static BodyFramer of(const RequestHead& head);
  /// `method`: of the request; an answer to HEAD has no body whatever it announces.
  [[nodiscard]] static BodyFramer of(const ResponseHead& head, std::string_view method);

  struct Step {
    /// Bytes of the input that belong to this body; not 0 unless the input is empty or done().
    std::size_t used = 0;
    /// The payload in them, one piece; may be empty.
    std::string_view data;
  };

  /// Steps over framing up to and including the next piece of payload. Nothing is used after the
  /// end of the body or a refusal.
  [[nodiscard]] Step next(std::string_view bytes);

  /// How many of `bytes` belong to this body; fewer than given only at its end or at a refusal.
  [[nodiscard]] std::size_t pass(std::string_view bytes);

  struct Decoded {
    std::size_t used = 0;
    /// Payload bytes, moved together at the front of the input.
    std::size_t payload = 0;
  };

  /// Removes the framing in place. Bytes between `payload` and `used` are unspecified afterwards.
  [[nodiscard]] Decoded decode(std::span<char> bytes);

  [[nodiscard]] bool done() const { return state_ == State::kDone; }

  [[nodiscard]] bool is_until_close() const { return state_ == State::kUntilClose; }

  [[nodiscard]] bool is_chunked() const { return chunked_; }

  /// Payload bytes still to come when a length was announced; otherwise of the current chunk.
  [[nodiscard]] std::uint64_t left() const { return left_; }

  /// kNone unless the framing is broken; then the connection must be closed.
  [[nodiscard]] Refusal refusal() const { return refusal_; }

 private:
  enum class State : std::uint8_t {
    kDone,
    kLength,
    kUntilClose,
    kSize,       // digits of a chunk size
    kExtension,  // after ';'
    kSizeLf,     // after the CR of a size line
    kPayload,
    kPayloadCr,
    kPayloadLf,
    kTrailerStart,  // first character of a trailer line, or the CR of the end
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kEndLf,
    kRefused,
  };

  void refuse(Refusal why);
  void step_framing(char c);
  void step_size(char c);
  void step_trailer(char c);

  std::uint64_t left_ = 0;
  std::uint32_t overhead_ = 0;
  State state_ = State::kDone;
  Refusal refusal_ = Refusal::kNone;
  std::uint8_t digits_ = 0;
  bool chunked_ = false;
};

}  // namespace insula::http
