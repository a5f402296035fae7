#include "client/watch_decoder.h"

#include <utility>

#include "client/status_error.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::client {

namespace {

std::optional<WatchEventType> type_of(std::string_view name) {
  if (name == "ADDED") return WatchEventType::kAdded;
  if (name == "MODIFIED") return WatchEventType::kModified;
  if (name == "DELETED") return WatchEventType::kDeleted;
  if (name == "BOOKMARK") return WatchEventType::kBookmark;
  return std::nullopt;
}

// Every known server writes `{"type":"ADDED","object":{...}}`; then the object is passed on as it
// is.
std::optional<WatchEvent> cut(std::string_view line) {
  constexpr std::string_view kBefore = R"({"type":")";
  constexpr std::string_view kBetween = R"(","object":)";
  if (!line.starts_with(kBefore) || !line.ends_with('}')) return std::nullopt;
  line.remove_prefix(kBefore.size());
  const std::size_t quote = line.find('"');
  if (quote == std::string_view::npos) return std::nullopt;
  const std::optional<WatchEventType> type = type_of(line.substr(0, quote));
  line.remove_prefix(quote);
  if (!type || !line.starts_with(kBetween)) return std::nullopt;
  line.remove_prefix(kBetween.size());
  line.remove_suffix(1);
  return WatchEvent{*type, std::string(line)};
}

Result<WatchEvent> decode(std::string_view line) {
  if (std::optional<WatchEvent> event = cut(line)) return *std::move(event);
  const Result<json::Value> frame = json::parse(line);
  if (!frame)
    return fail(ErrorCode::kUpstream, "unreadable watch event: " + frame.error().message());
  const std::string_view name = (*frame)["type"].text();
  if (name == "ERROR") return std::unexpected(error_of_status((*frame)["object"]));
  const std::optional<WatchEventType> type = type_of(name);
  if (!type) return fail(ErrorCode::kUpstream, "watch event of unknown type " + std::string(name));
  return WatchEvent{*type, json::write((*frame)["object"])};
}

}  // namespace

void WatchDecoder::feed(std::string_view bytes) {
  // Events are cut off the front as they are read; the rest moves up when more arrives.
  pending_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  pending_ += bytes;
}

std::optional<Result<WatchEvent>> WatchDecoder::next() {
  for (;;) {
    const std::size_t end = pending_.find('\n', scanned_);
    if (end == std::string::npos) {
      scanned_ = pending_.size();
      if (pending_.size() - begin_ <= event_bytes_max_) return std::nullopt;
      return Result<WatchEvent>(fail(ErrorCode::kUpstream, "watch event too large"));
    }
    std::string_view line = std::string_view(pending_).substr(begin_, end - begin_);
    begin_ = scanned_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return decode(line);
  }
}

}  // namespace insula::client
