#include <array>

#include <fmt/format.h>

#include "api/codec.h"

namespace insula::api {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return digits;
}();

std::unexpected<Error> refuse(std::size_t offset) {
  return fail(ErrorCode::kBadRequest, fmt::format("illegal base64 data at input byte {}", offset));
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U;
    };
    const unsigned group = byte(0) << 16U | byte(1) << 8U | byte(2);
    out += kAlphabet[group >> 18U];
    out += kAlphabet[group >> 12U & 63U];
    out += i + 1 < bytes.size() ? kAlphabet[group >> 6U & 63U] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[group & 63U] : '=';
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned group = 0;
  int digits = 0, padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') continue;
    const std::uint8_t digit = kDigits[static_cast<unsigned char>(c)];
    const bool pad = c == '=' && digits >= 2;
    if ((digit == kNoDigit && !pad) || (padding > 0 && !pad)) return refuse(i);
    padding += pad ? 1 : 0;
    group = group << 6U | (pad ? 0U : digit);
    if (++digits < 4) continue;
    out += static_cast<char>(group >> 16U & 0xffU);
    if (padding < 2) out += static_cast<char>(group >> 8U & 0xffU);
    if (padding < 1) out += static_cast<char>(group & 0xffU);
    if (padding > 0 && text.find_first_not_of("\r\n", i + 1) != std::string_view::npos)
      return refuse(i + 1);
    group = 0;
    digits = 0;
  }
  if (digits != 0) return refuse(text.size());
  return out;
}

}  // namespace insula::api
