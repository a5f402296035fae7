#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace insula::http {

/// One event of a text/event-stream.
struct ServerSentEvent {
  /// Empty means "message".
  std::string event;
  std::string data;
  /// The last id the stream has named, in this event or before.
  std::string id;

  bool operator==(const ServerSentEvent&) const = default;
};

/// Reads events from a stream that arrives in any pieces.
///
/// Spec: WHATWG HTML section 9.2, "Server-sent events".
class SseReader {
 public:
  /// `event_bytes_max`: of one event's lines.
  explicit SseReader(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  /// Takes bytes off the front of `bytes` until an event is complete; nullopt when more are needed
  /// or the stream has failed.
  [[nodiscard]] std::optional<ServerSentEvent> next(std::string_view& bytes);

  /// An event was larger than allowed; nothing more is read.
  [[nodiscard]] bool failed() const { return failed_; }

  /// How long the server wants a client to wait before it connects again.
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  [[nodiscard]] bool take_line(std::string_view& bytes);
  void understand_line();

  std::size_t event_bytes_max_;
  std::size_t event_bytes_ = 0;
  std::string line_;
  bool skip_line_feed_ = false;
  bool at_start_ = true;
  bool failed_ = false;
  bool has_data_ = false;
  ServerSentEvent pending_;
  std::optional<std::chrono::milliseconds> retry_;
};

/// The event as it stands in a stream; line ends in `data` become several data lines.
/// Requires: no line ends in `event` and `id`.
[[nodiscard]] std::string sse_text(const ServerSentEvent& event);

}  // namespace insula::http
