#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llm/usage.h"

namespace insula::llm {

/// Whether the chunk that only carries usage is for the client.
enum class UsageChunk : std::uint8_t { kForward, kHide };

/// What is passed on together.
enum class Pieces : std::uint8_t { kBytes, kEvents };

/// Takes the first event off, with the empty line that ends it; all there is when none ends.
[[nodiscard]] std::string_view take_event(std::string_view& events);

/// Reads a stream of server-sent events of OpenAI's dialect while it passes through.
///
/// With Pieces::kBytes every byte is forwarded the moment it comes. With kEvents, whole events are:
/// an unfinished one waits for its end. So it is with kHide, where the event that has a `usage` and
/// no choices is left out.
///
/// Spec: WHATWG HTML, "Server-sent events"; OpenAI's chat.completion.chunk.
class SseRelay {
 public:
  /// An unfinished event that has grown beyond this is passed on unread, and so is what follows it.
  static constexpr std::size_t kEventBytesMax = 1U << 20U;

  explicit SseRelay(UsageChunk usage_chunk, Pieces pieces = Pieces::kBytes)
      : usage_chunk_(usage_chunk),
        by_bytes_(usage_chunk == UsageChunk::kForward && pieces == Pieces::kBytes) {}

  /// What to forward of `bytes` and what came before. Valid until the next call and as long as
  /// `bytes`; may be empty.
  [[nodiscard]] std::string_view feed(std::string_view bytes);

  /// What is left when the stream has ended without finishing its last event, which is read, too.
  [[nodiscard]] std::string_view finish();

  /// The largest that any event told: streams that tell it more than once count up, or tell one
  /// half at a time.
  [[nodiscard]] const std::optional<Usage>& usage() const { return usage_; }

  /// Events with data that were neither usage nor the end mark; of named events, the deltas. About
  /// one token each.
  [[nodiscard]] std::int64_t content_events() const { return content_events_; }

  /// No further content is to come: the stream said `data: [DONE]`, or its usage by itself.
  [[nodiscard]] bool ending() const { return done_ || usage_alone_; }

  /// What is forwarded ends in the midst of an event: one too long to wait for.
  [[nodiscard]] bool inside_event() const { return oversized_; }

 private:
  bool read_event(std::string_view event);
  std::string_view relay_events(std::string_view bytes);
  void keep(std::string_view rest);

  UsageChunk usage_chunk_;
  bool by_bytes_;
  bool done_ = false;
  bool usage_alone_ = false;
  bool oversized_ = false;
  std::int64_t content_events_ = 0;
  std::optional<Usage> usage_;
  std::string pending_;       // The unfinished event.
  std::size_t searched_ = 0;  // How far pending_ has been searched for its end.
  std::string joined_;
  std::string kept_;  // What is forwarded when something was left out.
};

}  // namespace insula::llm
