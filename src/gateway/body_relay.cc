#include "gateway/body_relay.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "gateway/filter_chain.h"
#include "http/scan.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kLastChunk = "0\r\n\r\n";

bool is_media_type(const http::ResponseHead& head, std::string_view type) {
  const std::string_view value =
      head.find(http::FieldId::kContentType).value_or(std::string_view());
  return value.size() >= type.size() &&
         http::equals_ignoring_case(value.substr(0, type.size()), type);
}

bool is_encoded(const http::ResponseHead& head) {
  const auto coding = head.find("content-encoding");
  return coding && !http::equals_ignoring_case(*coding, "identity");
}

/// A body whose length is unknown must be chunked or end with the connection.
ReplyFraming choose_framing(const http::BodyFramer& body, const RelayPlan& plan, bool changes) {
  if (body.done()) return ReplyFraming::kAsReceived;
  const bool length_known = !body.is_chunked() && !body.is_until_close();
  if (length_known && !changes) return ReplyFraming::kAsReceived;
  if (!plan.client_chunks) return ReplyFraming::kUntilClose;
  return body.is_chunked() && !changes ? ReplyFraming::kAsReceived : ReplyFraming::kChunked;
}

}  // namespace

BodyRelay::BodyRelay(const http::ResponseHead& head, const RelayPlan& plan)
    : framer_(http::BodyFramer::of(head, plan.method)),
      success_(head.status >= 200 && head.status < 300),
      billing_(plan.billing),
      filters_(plan.events),
      events_(plan.usage_chunk,
              plan.may_end_early || plan.events != nullptr ? llm::Pieces::kEvents
                                                           : llm::Pieces::kBytes) {
  const bool read = success_ && !plan.opaque;
  if (read && is_media_type(head, "text/event-stream")) {
    content_ = Content::kEvents;
  } else if (read && (billing_ == Billing::kEstimated || is_media_type(head, "application/json"))) {
    // What costs tokens costs them whatever its upstream calls it.
    content_ = Content::kJson;
  }
  if (content_ != Content::kOpaque && is_encoded(head)) {
    content_ = Content::kOpaque;
    encoded_ = true;
  }
  const bool changes =
      plan.usage_chunk == llm::UsageChunk::kHide || plan.may_end_early || plan.events != nullptr;
  framing_ = choose_framing(framer_, plan, content_ == Content::kEvents && changes);
  may_end_early_ = plan.may_end_early && content_ == Content::kEvents;
}

void BodyRelay::scan(std::string_view payload) {
  payload_bytes_ += static_cast<std::int64_t>(payload.size());
  if (content_ == Content::kJson) json_.feed(payload);
}

std::string_view BodyRelay::feed(std::span<char> bytes) {
  if (framing_ == ReplyFraming::kAsReceived) return feed_as_received({bytes.data(), bytes.size()});
  return feed_reframed(bytes);
}

std::string_view BodyRelay::feed_as_received(std::string_view bytes) {
  std::string_view rest = bytes;
  while (!rest.empty() && !framer_.done() && framer_.refusal() == http::Refusal::kNone) {
    const http::BodyFramer::Step step = framer_.next(rest);
    scan(step.data);
    // Every byte is for the client, so what feed() returns is what it was given.
    if (content_ == Content::kEvents && !step.data.empty())
      static_cast<void>(events_.feed(step.data));
    rest.remove_prefix(step.used);
  }
  if (content_ == Content::kEvents && framer_.done()) static_cast<void>(events_.finish());
  surplus_ = surplus_ || (framer_.done() && !rest.empty());
  return bytes.substr(0, bytes.size() - rest.size());
}

std::string_view BodyRelay::feed_reframed(std::span<char> bytes) {
  if (framer_.is_until_close()) {
    scan({bytes.data(), bytes.size()});
    std::string_view payload(bytes.data(), bytes.size());
    if (content_ == Content::kEvents) payload = pass_events(events_.feed(payload));
    return frame(payload, false);
  }
  const http::BodyFramer::Decoded decoded = framer_.decode(bytes);
  surplus_ = surplus_ || (framer_.done() && decoded.used < bytes.size());
  std::string_view payload(bytes.data(), decoded.payload);
  scan(payload);
  if (content_ != Content::kEvents) return frame(payload, framer_.done());
  payload = pass_events(events_.feed(payload));
  if (!framer_.done() || refused_) return frame(payload, false);
  // The payload may be in memory that finish() uses.
  last_.assign(payload);
  last_.append(pass_events(events_.finish()));
  return frame(last_, !refused_);
}

/// Shows whole events to the filters. Returns those that pass.
std::string_view BodyRelay::pass_events(std::string_view events) {
  if (filters_ == nullptr) return events;
  for (std::string_view rest = events; !rest.empty();) {
    const std::string_view event = llm::take_event(rest);
    refused_ = filters_->on_event(event);
    if (refused_) return events.substr(0, static_cast<std::size_t>(event.data() - events.data()));
  }
  return events;
}

std::string_view BodyRelay::end_refused(std::string_view events) {
  return frame(events, true);
}

std::string_view BodyRelay::frame(std::string_view payload, bool last) {
  if (framing_ == ReplyFraming::kUntilClose && !last) return payload;
  framed_.clear();
  const bool chunked = framing_ == ReplyFraming::kChunked;
  if (!payload.empty()) {
    if (chunked) {
      std::array<char, 16> digits{};
      const auto end = std::to_chars(digits.begin(), digits.end(), payload.size(), 16).ptr;
      framed_.append(digits.data(), static_cast<std::size_t>(end - digits.data())).append("\r\n");
    }
    framed_.append(payload);
    if (chunked) framed_.append("\r\n");
  }
  if (last && chunked) framed_.append(kLastChunk);
  return framed_;
}

std::optional<std::string_view> BodyRelay::finish() {
  if (!framer_.is_until_close()) return std::nullopt;
  const std::string_view rest =
      content_ == Content::kEvents ? pass_events(events_.finish()) : std::string_view();
  return frame(rest, !refused_);
}

bool BodyRelay::can_end_early() const {
  return may_end_early_ && framing_ != ReplyFraming::kAsReceived && !framer_.done() &&
         !events_.ending();
}

std::string_view BodyRelay::end_early(std::string_view events) {
  std::string last(events_.inside_event() ? "\n\n" : "");
  last.append(events);
  return frame(last, true);
}

llm::Usage BodyRelay::usage(std::size_t request_bytes) const {
  if (!success_ || billing_ == Billing::kNone) return {};
  if (content_ == Content::kOpaque && !encoded_) return {};
  if (content_ == Content::kEvents && events_.usage()) {
    llm::Usage told = *events_.usage();
    // Some streams tell their prompt at once and what they have made at the end only.
    if (!framer_.done() && !events_.ending() && events_.content_events() > told.completion_tokens) {
      told.completion_tokens = events_.content_events();
      told.estimated = true;
    }
    return told;
  }
  if (json_.usage()) return *json_.usage();
  if (billing_ != Billing::kEstimated) return {};
  const std::int64_t completion = content_ == Content::kEvents
                                      ? events_.content_events()
                                      : payload_bytes_ / llm::kBytesPerToken;
  return {static_cast<std::int64_t>(request_bytes) / llm::kBytesPerToken, completion, true};
}

}  // namespace insula::gateway
