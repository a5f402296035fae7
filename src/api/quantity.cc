#include "api/quantity.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace insula::api {
namespace {

using Int128 = Quantity::Int128;
using Format = Quantity::Format;

/// 10^38 nano-units: the largest power of ten in 128 bits, so that the limit has a text of its own.
constexpr Int128 kMax = [] {
  Int128 limit = 1;
  for (int i = 0; i < 38; ++i)
    limit *= 10;
  return limit;
}();
constexpr Int128 kNanosPerUnit = 1'000'000'000;
constexpr Int128 kNanosPerMilli = 1'000'000;
constexpr int kNanoExponent = 9;
/// Digits that are taken in exactly: 10^38 < 2^127, and 10^19 * 2^60 < 2^127.
constexpr int kDecimalDigits = 38;
constexpr int kFractionDigits = 19;
/// Beyond 10^38 the sum is at the limit anyway; keeps hostile exponents small.
constexpr int kExponentMax = 100;

struct Suffix {
  Format format = Format::kDecimalSi;
  int decimal_exponent = 0;
  int binary_shift = 0;
};

struct Unit {
  std::string_view text;
  int exponent;  // of 10, or of 2 for the binary ones
};

constexpr std::array<Unit, 10> kDecimalUnits{{{"n", -9},
                                              {"u", -6},
                                              {"m", -3},
                                              {"", 0},
                                              {"k", 3},
                                              {"M", 6},
                                              {"G", 9},
                                              {"T", 12},
                                              {"P", 15},
                                              {"E", 18}}};
constexpr std::array<Unit, 6> kBinaryUnits{
    {{"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}, {"Pi", 50}, {"Ei", 60}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Suffix> exponent_suffix(std::string_view text) {
  std::string_view digits = text.substr(1);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  int exponent = 0;
  for (const char c : digits)
    exponent = std::min(exponent * 10 + (c - '0'), kExponentMax);
  return Suffix{Format::kDecimalExponent, negative ? -exponent : exponent, 0};
}

std::optional<Suffix> read_suffix(std::string_view text) {
  for (const auto& unit : kDecimalUnits) {
    if (unit.text == text) return Suffix{Format::kDecimalSi, unit.exponent, 0};
  }
  for (const auto& unit : kBinaryUnits) {
    if (unit.text == text) return Suffix{Format::kBinarySi, 0, unit.exponent};
  }
  if (text.starts_with('e') || text.starts_with('E')) return exponent_suffix(text);
  return std::nullopt;
}

Int128 saturating_multiply(Int128 a, Int128 b) {
  Int128 product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return (a < 0) == (b < 0) ? kMax : -kMax;
  return std::clamp(product, -kMax, kMax);
}

Int128 saturating_add(Int128 a, Int128 b) {
  Int128 sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return a < 0 ? -kMax : kMax;
  return std::clamp(sum, -kMax, kMax);
}

/// `value` * 10^exponent; a remainder, or `inexact` digits cut off before, round away from zero.
Int128 scale(Int128 value, int exponent, bool inexact) {
  bool remainder = inexact;
  for (; exponent < 0 && value != 0; ++exponent) {
    remainder = remainder || value % 10 != 0;
    value /= 10;
  }
  for (; exponent > 0 && value != 0 && value != kMax; --exponent)
    value = saturating_multiply(value, 10);
  return remainder ? saturating_add(value, 1) : value;
}

/// A number as `mantissa` * 10^`exponent`, and a bit more when `inexact`.
struct Decimal {
  Int128 mantissa = 0;
  int exponent = 0;
  bool inexact = false;
};

Decimal read_decimal(std::string_view number, int digits_max) {
  Decimal out;
  int digits = 0;
  bool after_point = false;
  for (const char c : number) {
    if (c == '.') {
      after_point = true;
    } else if (digits == digits_max) {
      out.inexact = out.inexact || c != '0';
      out.exponent = std::min(out.exponent + (after_point ? 0 : 1), kExponentMax);
    } else {
      out.mantissa = out.mantissa * 10 + (c - '0');
      digits += out.mantissa != 0 ? 1 : 0;
      out.exponent -= after_point ? 1 : 0;
    }
  }
  return out;
}

Int128 decimal_nanos(std::string_view number, int exponent) {
  const Decimal decimal = read_decimal(number, kDecimalDigits);
  return scale(decimal.mantissa, decimal.exponent + exponent + kNanoExponent, decimal.inexact);
}

/// The whole part and the fraction apart, since both with the suffix would not fit.
Int128 binary_nanos(std::string_view number, int shift) {
  const std::size_t point = std::min(number.find('.'), number.size());
  const Int128 factor = static_cast<Int128>(1) << shift;
  const Decimal whole = read_decimal(number.substr(0, point), kDecimalDigits);
  const Decimal fraction = read_decimal(number.substr(point), kFractionDigits);
  const Int128 whole_nanos = scale(saturating_multiply(whole.mantissa, factor),
                                   whole.exponent + kNanoExponent, whole.inexact);
  return saturating_add(whole_nanos, scale(fraction.mantissa * factor,
                                           fraction.exponent + kNanoExponent, fraction.inexact));
}

Int128 divide_away_from_zero(Int128 value, Int128 divisor) {
  const Int128 quotient = value / divisor;
  if (value % divisor == 0) return quotient;
  return value < 0 ? quotient - 1 : quotient + 1;
}

std::int64_t held_in_int64(Int128 value) {
  constexpr Int128 kLow = std::numeric_limits<std::int64_t>::min();
  constexpr Int128 kHigh = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp(value, kLow, kHigh));
}

std::string digits_of(Int128 value) {
  if (value == 0) return "0";
  std::string out;
  const bool negative = value < 0;
  for (Int128 left = negative ? -value : value; left != 0; left /= 10)
    out.push_back(static_cast<char>('0' + static_cast<int>(left % 10)));
  if (negative) out.push_back('-');
  std::ranges::reverse(out);
  return out;
}

std::string decimal_text(Int128 nanos, Format format) {
  int exponent = -kNanoExponent;
  const int exponent_max = format == Format::kDecimalExponent ? kExponentMax : 18;
  while (exponent + 3 <= exponent_max && nanos % 1000 == 0) {
    nanos /= 1000;
    exponent += 3;
  }
  const std::string digits = digits_of(nanos);
  if (format == Format::kDecimalExponent)
    return exponent == 0 ? digits : fmt::format("{}e{}", digits, exponent);
  const auto* const unit = std::ranges::find(kDecimalUnits, exponent, &Unit::exponent);
  return digits + std::string(unit->text);
}

std::string binary_text(Int128 whole) {
  std::string_view suffix;
  for (const auto& unit : kBinaryUnits) {
    if (whole % 1024 != 0) break;
    whole /= 1024;
    suffix = unit.text;
  }
  return digits_of(whole) + std::string(suffix);
}

std::unexpected<Error> refuse(std::string_view text) {
  if (text.empty()) return fail(ErrorCode::kBadRequest, "quantities must not be empty");
  return fail(ErrorCode::kBadRequest,
              "quantities must match the regular expression "
              "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

}  // namespace

Quantity Quantity::of(std::int64_t whole, Format format) {
  return {whole * kNanosPerUnit, format};
}

Quantity Quantity::of_milli(std::int64_t milli, Format format) {
  return {milli * kNanosPerMilli, format};
}

Result<Quantity> Quantity::parse(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const std::size_t number_size = std::min(rest.find_first_not_of("0123456789."), rest.size());
  const std::string_view number = rest.substr(0, number_size);
  const auto suffix = read_suffix(rest.substr(number_size));
  if (!suffix || number.empty() || number == "." || std::ranges::count(number, '.') > 1)
    return refuse(text);

  const Int128 nanos = suffix->format == Format::kBinarySi
                           ? binary_nanos(number, suffix->binary_shift)
                           : decimal_nanos(number, suffix->decimal_exponent);
  return Quantity(negative ? -nanos : nanos, suffix->format);
}

std::string Quantity::text() const {
  if (format_ == Format::kBinarySi && nanos_ % kNanosPerUnit == 0) {
    const Int128 whole = nanos_ / kNanosPerUnit;
    // As Kubernetes: small numbers read better without a suffix.
    if (whole <= -1024 || whole >= 1024) return binary_text(whole);
  }
  if (nanos_ == 0) return "0";
  return decimal_text(nanos_, format_ == Format::kDecimalExponent ? format_ : Format::kDecimalSi);
}

std::int64_t Quantity::value() const {
  return held_in_int64(divide_away_from_zero(nanos_, kNanosPerUnit));
}

std::int64_t Quantity::milli_value() const {
  return held_in_int64(divide_away_from_zero(nanos_, kNanosPerMilli));
}

double Quantity::as_double() const {
  return static_cast<double>(nanos_) / static_cast<double>(kNanosPerUnit);
}

Quantity& Quantity::operator+=(const Quantity& other) {
  if (nanos_ == 0) format_ = other.format_;
  nanos_ = saturating_add(nanos_, other.nanos_);
  return *this;
}

Quantity& Quantity::operator-=(const Quantity& other) {
  if (nanos_ == 0) format_ = other.format_;
  nanos_ = saturating_add(nanos_, -other.nanos_);
  return *this;
}

Quantity& Quantity::operator*=(std::int64_t factor) {
  nanos_ = saturating_multiply(nanos_, factor);
  return *this;
}

}  // namespace insula::api
