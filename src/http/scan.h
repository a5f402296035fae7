#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace insula::http {

/// Character classes of RFC 9110 section 5.6.2, as bits, so that one table serves all scans.
struct CharTable {
  static constexpr std::uint8_t kToken = 1;
  static constexpr std::uint8_t kName = 2;       // a host name or IPv4 address
  static constexpr std::uint8_t kIpLiteral = 4;  // between the brackets of an IPv6 address

  std::uint8_t bits[256]{};

  constexpr CharTable() {
    for (int c = 0; c < 256; ++c) {
      const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      if (alnum) bits[c] = kToken | kName;
    }
    for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
      bits[static_cast<unsigned char>(c)] |= kToken;
    for (const char c : std::string_view("-._~"))
      bits[static_cast<unsigned char>(c)] |= kName;
    for (const char c : std::string_view("0123456789abcdefABCDEF:."))
      bits[static_cast<unsigned char>(c)] |= kIpLiteral;
  }

  [[nodiscard]] constexpr bool is(char c, std::uint8_t set) const {
    return (bits[static_cast<unsigned char>(c)] & set) != 0;
  }
};

inline constexpr CharTable kChars;

/// True when all of a text is of one class, and there is some.
[[nodiscard]] inline bool is_all(std::string_view text, std::uint8_t set) {
  for (const char c : text) {
    if (!kChars.is(c, set)) return false;
  }
  return !text.empty();
}

[[nodiscard]] inline bool is_token(std::string_view text) {
  return is_all(text, CharTable::kToken);
}

/// A host and port, taken apart but not understood: `name`, `name:80`, `[::1]:80`.
struct HostAndPort {
  std::string_view host;  // without brackets
  std::string_view port;  // digits; empty when there is none
};

/// nullopt for anything else: user names, lists, percent-encoding, IP literals of the future.
[[nodiscard]] inline std::optional<HostAndPort> split_host(std::string_view text) {
  HostAndPort parts;
  const bool literal = text.starts_with('[');
  const std::size_t end = literal ? text.find(']') : text.find(':');
  if (literal && end == std::string_view::npos) return std::nullopt;
  parts.host = literal ? text.substr(1, end - 1) : text.substr(0, end);
  if (!is_all(parts.host, literal ? CharTable::kIpLiteral : CharTable::kName)) return std::nullopt;
  std::string_view rest = text.substr(parts.host.size() + (literal ? 2 : 0));
  if (rest.empty()) return parts;
  if (rest.front() != ':') return std::nullopt;
  parts.port = rest.substr(1);
  for (const char c : parts.port) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  return parts;
}

#if defined(__SSE2__)
namespace sse2 {

/// 0xff where a byte of `x` is at most `limit`, unsigned.
inline __m128i at_most(__m128i x, __m128i limit) {
  return _mm_cmpeq_epi8(_mm_min_epu8(x, limit), x);
}

inline __m128i in_range(__m128i x, char low, char high) {
  return at_most(_mm_sub_epi8(x, _mm_set1_epi8(low)), _mm_set1_epi8(static_cast<char>(high - low)));
}

inline __m128i load(const char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

inline unsigned mask(__m128i x) {
  return static_cast<unsigned>(_mm_movemask_epi8(x));
}

}  // namespace sse2
#endif

/// First byte that is at most `limit` (unsigned) or DEL; `end` when there is none.
[[nodiscard]] inline const char* find_control(const char* p, const char* end, std::uint8_t limit) {
#if defined(__SSE2__)
  const __m128i low = _mm_set1_epi8(static_cast<char>(limit));
  const __m128i del = _mm_set1_epi8(0x7f);
  const auto stops = [&](__m128i x) {
    return _mm_or_si128(sse2::at_most(x, low), _mm_cmpeq_epi8(x, del));
  };
  while (end - p >= 32) {
    const unsigned hit = sse2::mask(stops(sse2::load(p))) | sse2::mask(stops(sse2::load(p + 16)))
                                                                << 16;
    if (hit != 0) return p + std::countr_zero(hit);
    p += 32;
  }
  if (end - p >= 16) {
    const unsigned hit = sse2::mask(stops(sse2::load(p)));
    if (hit != 0) return p + std::countr_zero(hit);
    p += 16;
  }
#endif
  for (; p < end; ++p) {
    const auto byte = static_cast<std::uint8_t>(*p);
    if (byte <= limit || byte == 0x7f) break;
  }
  return p;
}

/// First byte that may not stand in a field value; tabs may (RFC 9110 section 5.5).
[[nodiscard]] inline const char* find_value_end(const char* p, const char* end) {
  while ((p = find_control(p, end, 0x1f)) < end && *p == '\t')
    ++p;
  return p;
}

/// First byte that is not a token character.
[[nodiscard]] inline const char* find_token_end(const char* p, const char* end) {
#if defined(__SSE2__)
  // Real header names are letters, digits and '-'; the rarer token characters take the table below.
  while (end - p >= 16) {
    const __m128i x = sse2::load(p);
    const __m128i letter = sse2::in_range(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i rest =
        _mm_or_si128(sse2::in_range(x, '0', '9'), _mm_cmpeq_epi8(x, _mm_set1_epi8('-')));
    const unsigned other = ~sse2::mask(_mm_or_si128(letter, rest)) & 0xffff;
    if (other == 0) {
      p += 16;
      continue;
    }
    p += std::countr_zero(other);
    if (*p == ':' || !kChars.is(*p, CharTable::kToken)) return p;
    ++p;
  }
#endif
  while (p < end && kChars.is(*p, CharTable::kToken))
    ++p;
  return p;
}

/// Compares a token with a lower-case literal of letters and '-', ignoring case, 8 bytes at a time.
/// Requires: `token` holds token characters only; then setting bit 5 folds letters and cannot turn
/// another character into '-'.
[[nodiscard]] inline bool token_is(std::string_view token, std::string_view lower) {
  if (token.size() != lower.size()) return false;
  constexpr std::uint64_t kFold = 0x2020202020202020;
  const char* a = token.data();
  const char* b = lower.data();
  std::size_t left = token.size();
  for (; left >= 8; left -= 8, a += 8, b += 8) {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, a, 8);
    std::memcpy(&y, b, 8);
    if ((x | kFold) != y) return false;
  }
  for (; left > 0; --left, ++a, ++b) {
    if ((*a | 0x20) != *b) return false;
  }
  return true;
}

/// ASCII case-insensitive equality of any two strings.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

/// `text` without spaces and tabs at both ends.
[[nodiscard]] inline std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

/// Takes the next element off a comma-separated list, trimmed; empty elements are skipped. Empty
/// when the list is used up.
[[nodiscard]] inline std::string_view next_element(std::string_view& list) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (!element.empty()) return element;
  }
  return {};
}

}  // namespace insula::http
