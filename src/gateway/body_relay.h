#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/filter.h"
#include "gateway/message_text.h"
#include "http/framing.h"
#include "http/parser.h"
#include "llm/sse.h"
#include "llm/usage.h"

namespace insula::gateway {

class FilterChain;

/// What of a reply its request is billed.
enum class Billing : std::uint8_t {
  kNone,      // Nothing: it tells what another request has cost.
  kTold,      // The usage that it tells.
  kEstimated  // As kTold, and an estimate when it tells none.
};

/// What of the request decides how the reply is relayed.
struct RelayPlan {
  std::string_view method;
  /// The client speaks HTTP/1.1, so that a body of unknown length can be chunked.
  bool client_chunks = true;
  Billing billing = Billing::kEstimated;
  llm::UsageChunk usage_chunk = llm::UsageChunk::kForward;
  /// Nothing of the body is read.
  bool opaque = false;
  /// A stream may be ended before its upstream does, see end_early().
  bool may_end_early = false;
  /// Filters that are shown each event of a stream; null: none are. Outlive the relay.
  const FilterChain* events = nullptr;
};

/// The body of one reply on its way from upstream to client: finds its end, changes its framing
/// where the two sides need different ones, and reads token usage as it passes.
///
/// Holds no bytes, but for what SseRelay does. Pure: no I/O, no clock.
class BodyRelay {
 public:
  BodyRelay(const http::ResponseHead& head, const RelayPlan& plan);

  [[nodiscard]] ReplyFraming framing() const { return framing_; }

  /// Takes bytes that the upstream sent; returns what to send to the client for them, framing
  /// included, which may be nothing. Valid until the next call and as long as `bytes`, which may
  /// be changed.
  [[nodiscard]] std::string_view feed(std::span<char> bytes);

  /// The upstream has closed: returns what is left to send, or nothing when the body was cut off.
  [[nodiscard]] std::optional<std::string_view> finish();

  /// A stream of events that more content may come of, and that end_early() can end.
  [[nodiscard]] bool can_end_early() const;

  /// What to send to end the stream properly, `events` being its last ones. Nothing may be fed
  /// afterwards. Requires: can_end_early().
  [[nodiscard]] std::string_view end_early(std::string_view events);

  /// Why a filter does not let the next event pass; nothing: it does. Nothing may be fed from then
  /// on.
  [[nodiscard]] const std::optional<FilterRefusal>& filter_refusal() const { return refused_; }

  /// As end_early(). Requires: filter_refusal().
  [[nodiscard]] std::string_view end_refused(std::string_view events);

  /// The whole body has passed.
  [[nodiscard]] bool done() const { return framer_.done(); }

  /// The upstream's framing is broken; the connections cannot be used any further.
  [[nodiscard]] http::Refusal refusal() const { return framer_.refusal(); }

  /// The upstream sent more than the body: its connection must not be used again.
  [[nodiscard]] bool has_surplus() const { return surplus_; }

  /// A stream of events that is read.
  [[nodiscard]] bool is_stream() const { return content_ == Content::kEvents; }

  /// Some of what was asked for has passed: a token of a stream, a byte of any other body.
  [[nodiscard]] bool has_content() const {
    return is_stream() ? events_.content_events() > 0 : payload_bytes_ > 0;
  }

  /// What the reply says it cost, or, where that is wanted, an estimate of what of it has passed.
  [[nodiscard]] llm::Usage usage(std::size_t request_bytes) const;

 private:
  enum class Content : std::uint8_t { kOpaque, kJson, kEvents };

  std::string_view feed_as_received(std::string_view bytes);
  std::string_view feed_reframed(std::span<char> bytes);
  void scan(std::string_view payload);
  std::string_view pass_events(std::string_view events);
  std::string_view frame(std::string_view payload, bool last);

  http::BodyFramer framer_;
  ReplyFraming framing_ = ReplyFraming::kAsReceived;
  Content content_ = Content::kOpaque;
  bool success_ = false;
  Billing billing_ = Billing::kNone;
  bool may_end_early_ = false;
  bool encoded_ = false;  // compressed all the same: passed on unread
  bool surplus_ = false;
  const FilterChain* filters_ = nullptr;
  std::optional<FilterRefusal> refused_;
  std::int64_t payload_bytes_ = 0;
  llm::UsageScanner json_;
  llm::SseRelay events_;
  std::string framed_;
  std::string last_;  // what the body ends with
};

}  // namespace insula::gateway
