#include "gateway/line_text.h"

#include <array>
#include <charconv>
#include <optional>

namespace insula::gateway {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr char32_t kReplacement = 0xfffd;
constexpr char32_t kFirstOfTwo = 0x10000;  // from here on UTF-16 needs two units

struct Character {
  char32_t code = kReplacement;
  std::size_t bytes = 1;
};

/// The character at the beginning of a text, which is not empty. Spec: RFC 3629 section 4.
Character first_character(std::string_view text) {
  const auto byte = [text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xc2 || first > 0xf4) return {};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  char32_t code = first & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    code = code << 6U | (byte(i) & 0x3fU);
  }
  const bool is_longer_than_needed =
      (bytes == 3 && code < 0x800) || (bytes == 4 && code < kFirstOfTwo);
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (is_longer_than_needed || is_surrogate || code > 0x10ffff) return {};
  return {code, bytes};
}

void append_unit(std::string& out, unsigned unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4)
    out += kHexDigits[unit >> static_cast<unsigned>(shift) & 0xfU];
}

void append_escaped(std::string& out, char32_t code) {
  if (code < kFirstOfTwo) return append_unit(out, code);
  append_unit(out, 0xd800 + ((code - kFirstOfTwo) >> 10U));
  append_unit(out, 0xdc00 + ((code - kFirstOfTwo) & 0x3ffU));
}

bool is_plain(char c) {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

}  // namespace

void append_ascii_string(std::string& out, std::string_view text, std::size_t bytes_max) {
  text = text.substr(0, bytes_max);
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain]))
      ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Character character = first_character(text);
    if (character.code == '"' || character.code == '\\') {
      out += '\\';
      out += text.front();
    } else {
      append_escaped(out, character.code);
    }
    text.remove_prefix(character.bytes);
  }
  out += '"';
}

void append_millis(std::string& out, std::int64_t micros) {
  constexpr std::int64_t kMicros = 1000;
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), micros / kMicros).ptr;
  out.append(digits.data(), end);
  const std::int64_t rest = micros % kMicros;
  out += '.';
  for (std::int64_t unit = kMicros / 10; unit > 0; unit /= 10)
    out += static_cast<char>('0' + rest / unit % 10);
}

}  // namespace insula::gateway
