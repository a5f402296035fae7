#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "redis/reply_parser.h"

/// What a server may send: it is a reply, none, or not whole; and it is the same from its own bytes
/// alone.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const insula::redis::ReplyLimits limits{.bytes = 4096, .items = 256, .depth = 4};
  const auto reply = insula::redis::parse_reply(bytes, limits);
  if (!reply || !*reply) return 0;
  const std::size_t read = (*reply)->second;
  INSULA_CHECK(read > 0 && read <= size);
  const auto again = insula::redis::parse_reply(bytes.substr(0, read), limits);
  INSULA_CHECK(again && *again && (*again)->first == (*reply)->first && (*again)->second == read);
  const auto cut = insula::redis::parse_reply(bytes.substr(0, read - 1), limits);
  INSULA_CHECK(cut && !*cut);
  return 0;
}
