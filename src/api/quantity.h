#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::api {

/// An amount of a resource, in Kubernetes' notation: `100m`, `2`, `1Gi`, `1e3`.
///
/// Exact: kept as a whole number of nano-units in 128 bits, rounded up at parsing as Kubernetes
/// does. Remembers its notation, so that 1Gi + 1Gi is written 2Gi. Compared by value: 1000m == 1.
/// Arithmetic beyond +-1e29 stays at that limit.
class Quantity {
 public:
  enum class Format : std::uint8_t { kDecimalSi, kBinarySi, kDecimalExponent };
  __extension__ using Int128 = __int128;

  Quantity() = default;

  [[nodiscard]] static Quantity of(std::int64_t whole, Format format = Format::kDecimalSi);
  [[nodiscard]] static Quantity of_milli(std::int64_t milli, Format format = Format::kDecimalSi);
  /// Errors: kBadRequest with Kubernetes' sentence on the notation.
  [[nodiscard]] static Result<Quantity> parse(std::string_view text);

  /// Canonical: no fraction, the largest suffix that keeps it whole (`1500m`, `1Gi`).
  [[nodiscard]] std::string text() const;

  [[nodiscard]] Format format() const { return format_; }

  [[nodiscard]] bool is_zero() const { return nanos_ == 0; }

  [[nodiscard]] bool is_negative() const { return nanos_ < 0; }

  /// In whole units, in thousandths; rounded up (away from zero), held at the limits of int64.
  [[nodiscard]] std::int64_t value() const;
  [[nodiscard]] std::int64_t milli_value() const;
  [[nodiscard]] double as_double() const;

  Quantity& operator+=(const Quantity& other);
  Quantity& operator-=(const Quantity& other);
  /// For replicas: exact, held at the limit.
  Quantity& operator*=(std::int64_t factor);

  friend Quantity operator+(Quantity a, const Quantity& b) { return a += b; }

  friend Quantity operator-(Quantity a, const Quantity& b) { return a -= b; }

  friend Quantity operator*(Quantity a, std::int64_t factor) { return a *= factor; }

  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nanos_ == b.nanos_; }

  friend std::strong_ordering operator<=>(const Quantity& a, const Quantity& b) {
    return a.nanos_ <=> b.nanos_;
  }

 private:
  Quantity(Int128 nanos, Format format) : nanos_(nanos), format_(format) {}

  Int128 nanos_ = 0;
  Format format_ = Format::kDecimalSi;
};

}  // namespace insula::api
