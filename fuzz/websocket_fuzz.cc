#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/websocket_frame.h"

namespace {

using namespace insula::http::websocket;

constexpr std::size_t kMessageBytesMax = 1000;

struct Heard {
  std::vector<Received> messages;
  std::uint16_t violation = 0;

  bool operator==(const Heard&) const = default;
};

Heard listen(Role role, std::string_view text, std::size_t piece) {
  Decoder decoder(role, kMessageBytesMax);
  Heard heard;
  while (!text.empty() && !decoder.violation()) {
    std::string_view bytes = text.substr(0, piece);
    text.remove_prefix(bytes.size());
    while (auto message = decoder.next(bytes))
      heard.messages.push_back(*std::move(message));
    INSULA_CHECK(bytes.empty() || decoder.violation());
  }
  if (decoder.violation()) heard.violation = decoder.violation()->code;
  return heard;
}

}  // namespace

/// Cut anywhere, the same messages arrive; sent again as whole frames, they arrive once more.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  if (size == 0) return 0;
  const Role role = (data[0] & 0x80) != 0 ? Role::kServer : Role::kClient;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Heard whole = listen(role, text, text.size() + 1);
  INSULA_CHECK(listen(role, text, data[0] % 32u + 1) == whole);

  std::string frames;
  const std::array<char, 4> mask{'\x01', '\x7f', '\x00', '\xff'};
  for (const Received& message : whole.messages) {
    INSULA_CHECK(message.payload.size() <= kMessageBytesMax);
    frames += frame_header(message.opcode, message.payload.size(),
                           role == Role::kServer ? &mask : nullptr);
    std::string payload = message.payload;
    if (role == Role::kServer) apply_mask(payload, mask);
    frames += payload;
  }
  INSULA_CHECK(listen(role, frames, 7).messages == whole.messages);
  return 0;
}
