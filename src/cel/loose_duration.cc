#include "cel/loose_duration.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/number.h"

namespace insula::cel {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 24 * 3600L * kSecond;

struct Unit {
  std::string_view word;
  bool begins;  // longer words that begin so mean the same: `hours`
  std::int64_t nanos;
};

constexpr Unit kUnits[] = {
    {"ns", false, 1},
    {"nano", true, 1},
    {"us", false, 1000},
    {"\u00b5s", false, 1000},
    {"micro", true, 1000},
    {"ms", false, 1'000'000},
    {"milli", true, 1'000'000},
    {"s", false, kSecond},
    {"sec", true, kSecond},
    {"m", false, 60 * kSecond},
    {"min", true, 60 * kSecond},
    {"h", false, 3600 * kSecond},
    {"hr", false, 3600 * kSecond},
    {"hour", true, 3600 * kSecond},
    {"d", false, kDay},
    {"day", true, kDay},
    {"w", false, 7 * kDay},
    {"wk", false, 7 * kDay},
    {"week", true, 7 * kDay},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes what `fits` off the beginning.
template <class Fits>
std::string_view take(std::string_view& text, Fits fits) {
  const auto end = std::ranges::find_if_not(text, fits);
  const std::string_view taken(text.begin(), end);
  text.remove_prefix(taken.size());
  return taken;
}

/// The unit, in small letters; that `\u00b5` is a letter, too, is all that is known of others.
std::string take_unit(std::string_view& text) {
  std::string out(take(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\xC2' || c == '\xB5';
  }));
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::optional<Duration> parse_loose_duration(std::string_view text) {
  if (const auto exact = Duration::parse(text)) return exact;
  std::optional<Duration> total;
  while (!text.empty()) {
    take(text, [](char c) { return !is_digit(c); });
    const std::string_view digits = take(text, is_digit);
    take(text, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v'); });
    const std::string word = take_unit(text);
    if (digits.empty() || word.empty()) continue;
    const auto count = parse_whole<std::int64_t>(digits);
    if (!count) return std::nullopt;
    const auto unit = std::ranges::find_if(kUnits, [&](const Unit& known) {
      return word == known.word || (known.begins && word.starts_with(known.word));
    });
    if (unit == std::ranges::end(kUnits)) continue;
    std::int64_t part = 0;
    if (!total) total.emplace();
    if (__builtin_mul_overflow(*count, unit->nanos, &part) ||
        __builtin_add_overflow(total->nanos, part, &total->nanos))
      return std::nullopt;
  }
  return total;
}

}  // namespace insula::cel
