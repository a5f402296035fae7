#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/parser.h"

namespace {

using namespace insula::http;

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

/// What a head says, written again in the plainest way.
std::string rewrite(const RequestHead& head) {
  std::string text = std::string(head.method) + " " + std::string(head.target) + " HTTP/1." +
                     std::to_string(head.minor_version) + "\r\n";
  for (const Field& field : head.fields()) {
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return text + "\r\n";
}

}  // namespace

/// However a head is cut, it is understood in the same way; what was understood survives rewriting.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 32u + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const HeadLimits limits;
  RequestHead whole;
  const auto status = parse_request(text, 0, limits, whole);

  RequestHead head;
  auto pieces = ParseStatus::kNeedMore;
  for (std::size_t seen = 0; seen < text.size() && pieces == ParseStatus::kNeedMore;) {
    const std::size_t now = std::min(seen + piece, text.size());
    pieces = parse_request(text.substr(0, now), seen, limits, head);
    seen = now;
  }
  // Refusals may wait for the end of their line.
  INSULA_CHECK(pieces == status ||
               (status == ParseStatus::kRefused && pieces == ParseStatus::kNeedMore));
  if (status != ParseStatus::kComplete) return 0;

  INSULA_CHECK(head.size == whole.size && head.fields().size() == whole.fields().size());
  INSULA_CHECK(head.content_length == whole.content_length && head.chunked == whole.chunked);
  INSULA_CHECK(!whole.chunked || !whole.content_length);
  for (const Field& field : whole.fields())
    INSULA_CHECK(is_inside(field.name, text) && is_inside(field.value, text));

  const std::string rewritten = rewrite(whole);
  if (rewritten.size() > limits.head_bytes) return 0;
  RequestHead again;
  INSULA_CHECK(parse_request(rewritten, 0, limits, again) == ParseStatus::kComplete, rewritten);
  INSULA_CHECK(again.size == rewritten.size() && again.keep_alive == whole.keep_alive &&
               again.host == whole.host);
  INSULA_CHECK(again.content_length == whole.content_length && again.chunked == whole.chunked);
  return 0;
}
