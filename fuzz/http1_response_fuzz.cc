#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "http/framing.h"
#include "http/parser.h"

/// However a head is cut, it is understood in the same way; its body is framed in one way only.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  using namespace insula::http;
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 32u + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ResponseHead whole;
  const auto status = parse_response(text, 0, {}, whole);

  ResponseHead head;
  auto pieces = ParseStatus::kNeedMore;
  for (std::size_t seen = 0; seen < text.size() && pieces == ParseStatus::kNeedMore;) {
    const std::size_t now = std::min(seen + piece, text.size());
    pieces = parse_response(text.substr(0, now), seen, {}, head);
    seen = now;
  }
  INSULA_CHECK(pieces == status ||
               (status == ParseStatus::kRefused && pieces == ParseStatus::kNeedMore));
  if (status != ParseStatus::kComplete) return 0;
  INSULA_CHECK(head.size == whole.size && head.status == whole.status &&
               head.reason == whole.reason);
  INSULA_CHECK(!whole.chunked || !whole.content_length);
  INSULA_CHECK(BodyFramer::of(whole, "HEAD").done());
  BodyFramer framer = BodyFramer::of(whole, "GET");
  const std::string_view rest = text.substr(whole.size);
  INSULA_CHECK(framer.pass(rest) <= rest.size());
  return 0;
}
