#include "json/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace insula::json {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

/// Digits of `base`, perhaps with underscores between them; nullopt when they are none or too many.
std::optional<Value> integer(std::string_view digits, int base, bool negative) {
  std::string kept;
  if (negative) kept += '-';
  for (const char c : digits) {
    if (c != '_') kept += c;
  }
  const char* const end = kept.data() + kept.size();
  std::int64_t number = 0;
  if (const auto [at, error] = std::from_chars(kept.data(), end, number, base);
      error == std::errc() && at == end)
    return Value(number);
  std::uint64_t large = 0;
  if (negative) return std::nullopt;
  if (const auto [at, error] = std::from_chars(kept.data(), end, large, base);
      error == std::errc() && at == end)
    return Value(large);
  return std::nullopt;
}

std::optional<Value> integer_of_any_base(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  if (text.size() > 2 && text.front() == '0') {
    const std::string_view rest = text.substr(2);
    const bool digit_follows = rest.front() != '_' && rest.front() != '-';
    if (digit_follows && (text[1] == 'x' || text[1] == 'X')) return integer(rest, 16, negative);
    if (digit_follows && (text[1] == 'o' || text[1] == 'O')) return integer(rest, 8, negative);
    if (digit_follows && (text[1] == 'b' || text[1] == 'B')) return integer(rest, 2, negative);
  }
  if (text.size() > 1 && text.front() == '0') {
    // 0644 is octal as in YAML 1.1; 0899 is not, and stays what it was before: a decimal.
    if (auto octal = integer(text.substr(1), 8, negative)) return octal;
  }
  return integer(text, 10, negative);
}

bool looks_like_float(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  std::size_t digits = 0, i = 0;
  bool point = false;
  for (; i < text.size() && ((text[i] >= '0' && text[i] <= '9') || (text[i] == '.' && !point));
       ++i) {
    point = point || text[i] == '.';
    digits += text[i] != '.' ? 1 : 0;
  }
  if (digits == 0) return false;
  if (i == text.size()) return true;
  if (text[i] != 'e' && text[i] != 'E') return false;
  ++i;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  const std::string_view exponent = text.substr(i);
  return !exponent.empty() &&
         std::ranges::all_of(exponent, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Value> floating(std::string_view text) {
  if (!looks_like_float(text)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Value(number);
}

}  // namespace

std::optional<Value> plain_scalar(std::string_view text) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) return Value();
  if (one_of(text, {"true", "True", "TRUE"})) return Value(true);
  if (one_of(text, {"false", "False", "FALSE"})) return Value(false);
  std::string_view unsigned_text = text;
  if (text.starts_with('-') || text.starts_with('+')) unsigned_text.remove_prefix(1);
  if (one_of(unsigned_text, {".inf", ".Inf", ".INF"}) || one_of(text, {".nan", ".NaN", ".NAN"}))
    return std::nullopt;
  if (auto number = integer_of_any_base(text)) return number;
  if (auto number = floating(text)) return number;
  return Value(text);
}

}  // namespace insula::json
