#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/sse.h"

namespace {

using insula::http::ServerSentEvent;

std::vector<ServerSentEvent> read(std::string_view text, std::size_t piece, bool& failed) {
  insula::http::SseReader reader(1000);
  std::vector<ServerSentEvent> events;
  while (!text.empty()) {
    std::string_view bytes = text.substr(0, piece);
    text.remove_prefix(bytes.size());
    while (auto event = reader.next(bytes))
      events.push_back(*std::move(event));
  }
  failed = reader.failed();
  return events;
}

}  // namespace

/// Cut anywhere, the same events arrive; written and read again, they are the same but for their
/// ids, which carry over from one event to the next.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool whole_failed = false;
  bool pieces_failed = false;
  auto whole = read(text, text.size() + 1, whole_failed);
  INSULA_CHECK(read(text, data[0] % 32u + 1, pieces_failed) == whole &&
               pieces_failed == whole_failed);

  std::string written;
  for (ServerSentEvent& event : whole) {
    event.id.clear();
    written += insula::http::sse_text(event);
  }
  const auto again = read(written, 5, pieces_failed);
  INSULA_CHECK(pieces_failed || again == whole, written);
  return 0;
}
