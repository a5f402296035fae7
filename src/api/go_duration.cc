#include "api/go_duration.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace insula::api {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// As Go's package time quotes what it could not read: byte by byte.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || byte < ' ') {
      out += fmt::format("\\x{:02x}", byte);
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// In nanoseconds.
std::optional<std::uint64_t> unit_of(std::string_view name) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"ns", 1},         {"us", 1'000},  {"\u00b5s", 1'000},  {"\u03bcs", 1'000},
      {"ms", 1'000'000}, {"s", kSecond}, {"m", 60 * kSecond}, {"h", 3600 * kSecond}};
  for (const auto& [known, length] : kUnits) {
    if (known == name) return length;
  }
  return std::nullopt;
}

std::string_view take_digits(std::string_view& rest) {
  std::size_t count = 0;
  while (count < rest.size() && is_digit(rest[count]))
    ++count;
  const std::string_view digits = rest.substr(0, count);
  rest.remove_prefix(count);
  return digits;
}

constexpr std::uint64_t kLongest = std::uint64_t{1} << 63;  // one more than a positive one may have

/// A whole number times `unit`; nothing when it is too large.
std::optional<std::uint64_t> whole(std::string_view digits, std::uint64_t unit) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (value > kLongest / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > kLongest) return std::nullopt;
  }
  if (value > kLongest / unit) return std::nullopt;
  return value * unit;
}

/// What digits after a point are of `unit`; those too fine to count are not read.
std::uint64_t fraction(std::string_view digits, std::uint64_t unit) {
  constexpr std::size_t kDigitsMax = 15;
  std::uint64_t value = 0;
  double scale = 1;
  for (const char c : digits.substr(0, kDigitsMax)) {
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    scale *= 10;
  }
  return static_cast<std::uint64_t>(static_cast<double>(value) *
                                    (static_cast<double>(unit) / scale));
}

}  // namespace

Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalid, fmt::format("time: {} duration {}", why, quoted(text)));
  };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return refuse("invalid");
  std::uint64_t sum = 0;
  while (!rest.empty()) {
    const std::string_view before = take_digits(rest);
    std::string_view after;
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      after = take_digits(rest);
    }
    if (before.empty() && after.empty()) return refuse("invalid");
    std::size_t end = 0;
    while (end < rest.size() && rest[end] != '.' && !is_digit(rest[end]))
      ++end;
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(end);
    if (name.empty()) return refuse("missing unit in");
    const auto unit = unit_of(name);
    if (!unit) return refuse(fmt::format("unknown unit {} in", quoted(name)));
    const auto part = whole(before, *unit);
    if (!part) return refuse("invalid");
    sum += *part + fraction(after, *unit);
    if (sum > kLongest) return refuse("invalid");
  }
  if (sum == kLongest && !negative) return refuse("invalid");
  const auto length = static_cast<std::int64_t>(negative ? 0 - sum : sum);
  return std::chrono::nanoseconds(length);
}

}  // namespace insula::api
