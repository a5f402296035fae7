#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cel/type.h"
#include "cel/value.h"

namespace insula::cel::library {

/// The name of a type in expressions, as an argument of a template.
template <std::size_t kSize>
struct OpaqueName {
  // NOLINTNEXTLINE(google-explicit-constructor): a literal stands for it
  consteval OpaqueName(const char (&literal)[kSize]) { std::copy_n(literal, kSize, text); }

  [[nodiscard]] constexpr std::string_view view() const { return {text, kSize - 1}; }

  char text[kSize];
};

/// A value of C++ in expressions, which know its type as `kName`: `Held<Address, "net.IP">`. Equal
/// to those that hold an equal one.
template <class T, OpaqueName kName>
class Held final : public Opaque {
 public:
  explicit Held(T value) : value_(std::move(value)) {}

  static const TypePtr& own_type() {
    static const TypePtr type = Type::opaque(std::string(kName.view()));
    return type;
  }

  static Value make(T value) { return Value::opaque(std::make_shared<Held>(std::move(value))); }

  /// Requires: `value` is of own_type().
  static const T& in(const Value& value) {
    return static_cast<const Held&>(**value.as<Value::OpaquePtr>()).value_;
  }

  [[nodiscard]] const TypePtr& type() const override { return own_type(); }

  [[nodiscard]] bool equals(const Opaque& other) const override {
    const auto* same = dynamic_cast<const Held*>(&other);
    return same != nullptr && same->value_ == value_;
  }

 private:
  T value_;
};

}  // namespace insula::cel::library
