#include "api/go_quoted.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace insula::api {

namespace {

constexpr char32_t kReplacement = 0xfffd;

struct Range {
  char32_t first;
  char32_t last;
};

/// Controls, formats, spaces and separators, surrogates, and what is for private use; in order.
constexpr auto kUnseen = std::to_array<Range>({
    {0x0000, 0x001f},   {0x007f, 0x00a0},    {0x00ad, 0x00ad},   {0x0600, 0x0605},
    {0x061c, 0x061c},   {0x06dd, 0x06dd},    {0x070f, 0x070f},   {0x0890, 0x0891},
    {0x08e2, 0x08e2},   {0x1680, 0x1680},    {0x180e, 0x180e},   {0x2000, 0x200f},
    {0x2028, 0x202f},   {0x205f, 0x206f},    {0x3000, 0x3000},   {0xd800, 0xf8ff},
    {0xfeff, 0xfeff},   {0xfff0, 0xfffb},    {0xfffe, 0xffff},   {0x110bd, 0x110bd},
    {0x110cd, 0x110cd}, {0x13430, 0x1343f},  {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe007f}, {0xf0000, 0x10ffff},
});

/// Bits of a byte that follows the first one of a character.
std::optional<char32_t> continuation(std::string_view text, std::size_t at) {
  if (at >= text.size()) return std::nullopt;
  const auto byte = static_cast<unsigned char>(text[at]);
  if ((byte & 0xc0U) != 0x80U) return std::nullopt;
  return byte & 0x3fU;
}

std::optional<std::string_view> short_escape(char32_t point) {
  switch (point) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\a':
      return "\\a";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\v':
      return "\\v";
    default:
      return std::nullopt;
  }
}

std::string escape(char32_t point) {
  const auto number = static_cast<std::uint32_t>(point);
  if (number < 0x80) return fmt::format("\\x{:02x}", number);
  return number < 0x10000 ? fmt::format("\\u{:04x}", number) : fmt::format("\\U{:08x}", number);
}

}  // namespace

Character first_character(std::string_view text) {
  constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  char32_t point = lead & (0x7fU >> bytes);
  for (std::size_t at = 1; at < bytes; ++at) {
    const auto bits = continuation(text, at);
    if (!bits) return {kReplacement, 1};
    point = point << 6U | *bits;
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (lead < 0xc0 || lead > 0xf7 || point < kLeast.at(bytes) || point > 0x10ffff || surrogate)
    return {kReplacement, 1};
  return {point, bytes};
}

bool is_printable(char32_t point) {
  const auto* range = std::ranges::lower_bound(kUnseen, point, {}, &Range::last);
  return range == kUnseen.end() || point < range->first;
}

std::string well_formed(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [point, bytes] = first_character(text);
    if (point == kReplacement)
      out += "\ufffd";
    else
      out += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return out;
}

std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto [point, bytes] = first_character(text);
    const std::string_view character = text.substr(0, bytes);
    text.remove_prefix(bytes);
    if (const auto known = short_escape(point))
      out += *known;
    else if (point == kReplacement && bytes == 1)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(character.front()));
    else if (is_printable(point))
      out += character;
    else
      out += escape(point);
  }
  return out + '"';
}

}  // namespace insula::api
