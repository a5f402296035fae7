#include "llm/sse.h"

#include <algorithm>
#include <utility>

namespace insula::llm {
namespace {

constexpr std::string_view kEndMark = "[DONE]";

/// Takes the first line off, without its end. A lone CR does not end a line here: no OpenAI-like
/// server writes one, and a relay that waited for what follows it would hold the event back.
std::string_view next_line(std::string_view& text) {
  const std::size_t newline = text.find('\n');
  std::string_view line = text.substr(0, newline);
  text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Just behind the empty line that ends the event which starts at `from`; npos when it has not
/// come.
std::size_t end_of_event(std::string_view bytes, std::size_t from) {
  for (std::size_t at = bytes.find('\n', from); at != bytes.npos; at = bytes.find('\n', at + 1)) {
    const std::string_view rest = bytes.substr(at + 1, 2);
    if (rest.starts_with('\n')) return at + 2;
    if (rest == "\r\n") return at + 3;
  }
  return bytes.npos;
}

}  // namespace

std::string_view take_event(std::string_view& events) {
  const std::string_view event = events.substr(0, end_of_event(events, 0));
  events.remove_prefix(event.size());
  return event;
}

/// Returns whether the event is for the client.
bool SseRelay::read_event(std::string_view event) {
  const bool may_have_usage = event.find("\"usage\"") != event.npos;
  UsageScanner scanner;
  bool has_data = false;
  bool is_content = true;
  while (!event.empty()) {
    std::string_view line = next_line(event);
    // The Responses and Anthropic's messages name their events, and few of them carry content.
    if (line.starts_with("event:"))
      is_content = line.ends_with(".delta") || line.ends_with("content_block_delta");
    if (!line.starts_with("data:")) continue;
    line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
    if (line == kEndMark) {
      done_ = true;
      return true;
    }
    has_data = true;
    if (may_have_usage) scanner.feed(line);
  }
  if (!scanner.usage()) {
    if (has_data && is_content) ++content_events_;
    return true;
  }
  const Usage told = *scanner.usage();
  const Usage before = usage_.value_or(Usage{});
  usage_ = Usage{.prompt_tokens = std::max(told.prompt_tokens, before.prompt_tokens),
                 .completion_tokens = std::max(told.completion_tokens, before.completion_tokens),
                 .cached_tokens = std::max(told.cached_tokens, before.cached_tokens),
                 .reasoning_tokens = std::max(told.reasoning_tokens, before.reasoning_tokens)};
  if (scanner.choices_empty()) {
    usage_alone_ = true;
  } else if (is_content) {
    ++content_events_;
  }
  return !scanner.choices_empty() || usage_chunk_ == UsageChunk::kForward;
}

/// Reads the whole events in `bytes`, keeps the rest, and returns those that are for the client.
std::string_view SseRelay::relay_events(std::string_view bytes) {
  kept_.clear();
  bool left_out = false;
  std::size_t begin = 0;
  std::size_t search = std::exchange(searched_, 0);
  for (;;) {
    const std::size_t end = end_of_event(bytes, search);
    if (end == bytes.npos) break;
    const std::string_view event = bytes.substr(begin, end - begin);
    const bool forward = read_event(event);
    if (!forward && !left_out) {
      left_out = true;
      kept_.assign(bytes.substr(0, begin));
    } else if (forward && left_out) {
      kept_.append(event);
    }
    begin = search = end;
  }
  keep(bytes.substr(begin));
  return left_out ? std::string_view(kept_) : bytes.substr(0, begin);
}

void SseRelay::keep(std::string_view rest) {
  std::string next(rest);
  pending_.swap(next);
  // The end of an event is at most three bytes long; two of them may be here already.
  searched_ = pending_.size() > 2 ? pending_.size() - 3 : 0;
}

std::string_view SseRelay::feed(std::string_view bytes) {
  if (oversized_) return bytes;
  if (pending_.size() > kEventBytesMax) {
    oversized_ = true;
    if (by_bytes_) return bytes;
    joined_ = std::exchange(pending_, {});
    joined_.append(bytes);
    return joined_;
  }
  const bool fresh = pending_.empty();
  if (!fresh) {
    joined_ = std::move(pending_);
    pending_.clear();
    joined_.append(bytes);
  }
  const std::string_view ready = relay_events(fresh ? bytes : std::string_view(joined_));
  return by_bytes_ ? bytes : ready;
}

std::string_view SseRelay::finish() {
  if (oversized_) return {};
  joined_ = std::exchange(pending_, {});
  const bool forward = joined_.empty() || read_event(joined_);
  return by_bytes_ || !forward ? std::string_view() : joined_;
}

}  // namespace insula::llm
