#include "cel/library/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "cel/library/arguments.h"

namespace insula::cel::library {
namespace {

constexpr int kPrecision = 6;
constexpr int kPrecisionMax = 1000;

std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  // No exponent: the greatest double has 309 digits, the least some 1,075 after the point.
  std::array<char, 1'100> digits{};
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
  INSULA_CHECK(error == std::errc());
  return {digits.data(), end};
}

/// A value of any type as %s shows it.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the value, which is bounded
Result<std::string> any_text(const Value& value, Budget& budget) {
  INSULA_TRY_VOID(budget.charge(1));
  if (const auto* list = value.as<Value::ListPtr>()) {
    std::vector<std::string> elements;
    for (std::size_t i = 0; i < (*list)->size(); ++i) {
      INSULA_TRY(std::string element, any_text((*list)->at(i), budget));
      elements.push_back(std::move(element));
    }
    return fmt::format("[{}]", fmt::join(elements, ", "));
  }
  if (const auto* map = value.as<Value::MapPtr>()) {
    std::vector<std::string> entries;
    for (std::size_t i = 0; i < (*map)->size(); ++i) {
      const Value key = (*map)->key(i);
      INSULA_TRY(const std::string key_text, any_text(key, budget));
      INSULA_TRY(const std::string value_text, any_text(*(*map)->find(key), budget));
      entries.push_back(key_text + ": " + value_text);
    }
    std::ranges::sort(entries);
    return fmt::format("{{{}}}", fmt::join(entries, ", "));
  }
  if (const auto* number = value.as<double>()) return number_text(*number);
  if (value.kind() == Type::Kind::kString || value.kind() == Type::Kind::kBytes) {
    INSULA_TRY_VOID(charge_bytes(budget, value.text().size()));
    return value.text();
  }
  if (const auto* type = value.as<TypePtr>()) return (*type)->name();
  return shown(value);
}

std::unexpected<Error> wrong_type(char clause, const Value& value) {
  return invalid(
      fmt::format("error during formatting: '%{}' does not take a {}", clause, value.type_name()));
}

/// An integer in the base of the clause.
template <class Integer>
std::string integer_text(char clause, Integer value) {
  switch (clause) {
    case 'b':
      return fmt::format("{:b}", value);
    case 'o':
      return fmt::format("{:o}", value);
    case 'x':
      return fmt::format("{:x}", value);
    case 'X':
      return fmt::format("{:X}", value);
    default:
      return fmt::format("{}", value);
  }
}

Result<std::string> based(char clause, const Value& value, Budget& budget) {
  if (const auto* number = value.as<std::int64_t>()) return integer_text(clause, *number);
  if (const auto* number = value.as<std::uint64_t>()) return integer_text(clause, *number);
  if (const auto* truth = value.as<bool>(); truth != nullptr && clause == 'b') {
    return std::string(*truth ? "1" : "0");
  }
  if (const auto* number = value.as<double>(); number != nullptr && clause == 'd') {
    return number_text(*number);
  }
  const bool has_bytes = value.kind() == Type::Kind::kString || value.kind() == Type::Kind::kBytes;
  if (!has_bytes || (clause != 'x' && clause != 'X')) return wrong_type(clause, value);
  INSULA_TRY_VOID(charge_bytes(budget, value.text().size() * 2));
  std::string text;
  for (const char c : value.text()) {
    const auto byte = static_cast<unsigned char>(c);
    text += clause == 'x' ? fmt::format("{:02x}", byte) : fmt::format("{:02X}", byte);
  }
  return text;
}

Result<std::string> real(char clause, int precision, const Value& value) {
  std::optional<double> number;
  if (const auto* real = value.as<double>()) number = *real;
  if (const auto* integer = value.as<std::int64_t>()) number = static_cast<double>(*integer);
  if (const auto* integer = value.as<std::uint64_t>()) number = static_cast<double>(*integer);
  if (!number) return wrong_type(clause, value);
  if (!std::isfinite(*number)) return number_text(*number);
  return clause == 'f' ? fmt::format("{:.{}f}", *number, precision)
                       : fmt::format("{:.{}e}", *number, precision);
}

/// The precision of a clause, which is taken off: `.3`.
Result<int> take_precision(std::string_view& rest) {
  if (!rest.starts_with('.')) return kPrecision;
  rest.remove_prefix(1);
  int precision = 0;
  while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
    precision = precision * 10 + (rest[0] - '0');
    rest.remove_prefix(1);
    if (precision > kPrecisionMax) return invalid("error during formatting: precision too large");
  }
  return precision;
}

Result<std::string> clause_text(char clause, int precision, const Value& value, Budget& budget) {
  switch (clause) {
    case 's':
      return any_text(value, budget);
    case 'd':
    case 'b':
    case 'o':
    case 'x':
    case 'X':
      return based(clause, value, budget);
    case 'f':
    case 'e':
      INSULA_TRY_VOID(charge_bytes(budget, static_cast<std::size_t>(precision) + 300));
      return real(clause, precision, value);
    default:
      return invalid(
          fmt::format("error during formatting: unrecognized formatting clause \"{}\"", clause));
  }
}

}  // namespace

Result<Value> formatted(std::string_view pattern, const List& arguments, Budget& budget) {
  INSULA_TRY_VOID(charge_bytes(budget, pattern.size()));
  std::string result;
  std::size_t used = 0;
  while (!pattern.empty()) {
    const std::size_t percent = std::min(pattern.find('%'), pattern.size());
    result += pattern.substr(0, percent);
    pattern.remove_prefix(percent);
    if (pattern.empty()) break;
    pattern.remove_prefix(1);
    if (pattern.starts_with('%')) {
      result += '%';
      pattern.remove_prefix(1);
      continue;
    }
    INSULA_TRY(const int precision, take_precision(pattern));
    if (pattern.empty()) return invalid("error during formatting: unexpected end of string");
    const char clause = pattern[0];
    pattern.remove_prefix(1);
    if (used >= arguments.size()) {
      return invalid(fmt::format("error during formatting: index {} out of range", used));
    }
    INSULA_TRY(const std::string text,
               clause_text(clause, precision, arguments.at(used++), budget));
    result += text;
  }
  return Value::string(std::move(result));
}

}  // namespace insula::cel::library
