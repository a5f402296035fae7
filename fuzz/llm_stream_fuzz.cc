// Replies of upstreams: usage in JSON and in event streams must be the same however the bytes are
// cut, and a relay that hides nothing must lose nothing. The first byte says where to cut.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "llm/sse.h"
#include "llm/usage.h"

namespace {

using namespace insula::llm;

struct Relayed {
  std::string bytes;
  std::optional<Usage> usage;
  std::int64_t events;
};

Relayed relay(UsageChunk chunk, std::string_view stream, std::size_t piece) {
  SseRelay sse(chunk);
  Relayed out;
  for (std::size_t at = 0; at < stream.size(); at += piece)
    out.bytes += sse.feed(stream.substr(at, piece));
  out.bytes += sse.finish();
  out.usage = sse.usage();
  out.events = sse.content_events();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 16;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  UsageScanner whole;
  whole.feed(text);
  UsageScanner cut;
  for (std::size_t at = 0; at < text.size(); at += piece)
    cut.feed(text.substr(at, piece));
  if (whole.usage() != cut.usage() || whole.choices_empty() != cut.choices_empty())
    __builtin_trap();

  const std::size_t all = std::max<std::size_t>(text.size(), 1);
  const Relayed forwarded = relay(UsageChunk::kForward, text, piece);
  if (forwarded.bytes != text) __builtin_trap();
  const Relayed hidden = relay(UsageChunk::kHide, text, all);
  const Relayed hidden_cut = relay(UsageChunk::kHide, text, piece);
  if (hidden.bytes != hidden_cut.bytes || hidden.usage != hidden_cut.usage ||
      hidden.events != hidden_cut.events) {
    __builtin_trap();
  }
  if (!hidden.usage && hidden.bytes != text) __builtin_trap();
  return 0;
}
