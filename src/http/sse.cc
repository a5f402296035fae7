#include "http/sse.h"

#include <charconv>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace insula::http {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool has_line_end(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

}  // namespace

bool SseReader::take_line(std::string_view& bytes) {
  if (skip_line_feed_ && !bytes.empty()) {
    if (bytes.front() == '\n') bytes.remove_prefix(1);
    skip_line_feed_ = false;
  }
  const std::size_t end = bytes.find_first_of("\r\n");
  const std::string_view part = bytes.substr(0, end);
  event_bytes_ += part.size();
  if (event_bytes_ > event_bytes_max_) {
    failed_ = true;
    return false;
  }
  line_ += part;
  bytes.remove_prefix(part.size());
  if (end == std::string_view::npos) return false;
  skip_line_feed_ = bytes.front() == '\r';
  bytes.remove_prefix(1);
  if (at_start_ && line_.starts_with(kByteOrderMark)) line_.erase(0, kByteOrderMark.size());
  at_start_ = false;
  return true;
}

void SseReader::understand_line() {
  const std::string_view line = line_;
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) pending_.data += '\n';
    pending_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    pending_.event = value;
  } else if (name == "id") {
    if (!value.contains('\0')) pending_.id = value;
  } else if (name == "retry") {
    std::uint32_t milliseconds = 0;
    const auto [stop, error] =
        std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (error == std::errc{} && stop == value.data() + value.size())
      retry_ = std::chrono::milliseconds(milliseconds);
  }
}

std::optional<ServerSentEvent> SseReader::next(std::string_view& bytes) {
  while (!failed_ && take_line(bytes)) {
    if (!line_.empty()) {
      understand_line();
      line_.clear();
      continue;
    }
    event_bytes_ = 0;
    ServerSentEvent event;
    event.id = pending_.id;
    std::swap(event, pending_);
    if (std::exchange(has_data_, false)) return event;
  }
  return std::nullopt;
}

std::string sse_text(const ServerSentEvent& event) {
  INSULA_CHECK(!has_line_end(event.event) && !has_line_end(event.id));
  std::string text;
  if (!event.event.empty()) text.append("event: ").append(event.event).append("\n");
  if (!event.id.empty()) text.append("id: ").append(event.id).append("\n");
  std::string_view data = event.data;
  for (bool more = true; more;) {
    const std::size_t end = data.find_first_of("\r\n");
    text.append("data: ").append(data.substr(0, end)).append("\n");
    more = end != std::string_view::npos;
    if (more) data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return text += "\n";
}

}  // namespace insula::http
