#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/framing.h"

/// Chunked bodies: cut anywhere, passed on or decoded in place, the same bytes belong to the body.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  using namespace insula::http;
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 32u + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  BodyFramer passing = BodyFramer::chunked();
  const std::size_t passed = passing.pass(text);

  std::string copy(text);
  BodyFramer decoding = BodyFramer::chunked();
  const auto decoded = decoding.decode(copy);
  INSULA_CHECK(decoded.used == passed && decoded.payload <= decoded.used);
  INSULA_CHECK(decoding.done() == passing.done() && decoding.refusal() == passing.refusal());
  INSULA_CHECK(std::string_view(copy).substr(decoded.used) == text.substr(passed));

  BodyFramer cut = BodyFramer::chunked();
  std::string payload;
  std::size_t used = 0;
  for (std::string_view rest = text;
       !rest.empty() && !cut.done() && cut.refusal() == Refusal::kNone;) {
    const auto step = cut.next(rest.substr(0, piece));
    payload += step.data;
    used += step.used;
    rest.remove_prefix(step.used);
  }
  INSULA_CHECK(used == passed && cut.done() == passing.done() &&
               cut.refusal() == passing.refusal());
  INSULA_CHECK(payload == std::string_view(copy).substr(0, decoded.payload));
  return 0;
}
