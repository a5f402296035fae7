#include "jose/base64url.h"

#include <array>
#include <cstdint>

namespace insula::jose {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kInvalid = 0xff;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

}  // namespace

std::string base64url_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    pending = pending << 8U | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += kAlphabet[pending >> bits & 63U];
    }
  }
  if (bits > 0) text += kAlphabet[pending << (6 - bits) & 63U];
  return text;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  const std::size_t rest = text.size() % 4;
  if (rest == 1) return std::nullopt;
  std::string bytes(text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1), '\0');
  const auto value_at = [&](std::size_t i) -> std::uint32_t {
    return kValues[static_cast<unsigned char>(text[i])];
  };
  // Values are below 64, so that any that is not shows in the union of all.
  std::uint32_t seen = 0;
  char* out = bytes.data();
  std::size_t in = 0;
  for (; in + 4 <= text.size(); in += 4) {
    const std::uint32_t a = value_at(in);
    const std::uint32_t b = value_at(in + 1);
    const std::uint32_t c = value_at(in + 2);
    const std::uint32_t d = value_at(in + 3);
    seen |= a | b | c | d;
    *out++ = static_cast<char>(a << 2U | b >> 4U);
    *out++ = static_cast<char>(b << 4U | c >> 2U);
    *out++ = static_cast<char>(c << 6U | d);
  }
  if (rest != 0) {
    const std::uint32_t a = value_at(in);
    const std::uint32_t b = value_at(in + 1);
    const std::uint32_t c = rest == 3 ? value_at(in + 2) : 0;
    seen |= a | b | c;
    *out++ = static_cast<char>(a << 2U | b >> 4U);
    if (rest == 3) *out++ = static_cast<char>(b << 4U | c >> 2U);
    // Bits of the last character that stand for nothing.
    if ((rest == 3 ? c & 3U : b & 15U) != 0) return std::nullopt;
  }
  if (seen > 63) return std::nullopt;
  return bytes;
}

}  // namespace insula::jose
