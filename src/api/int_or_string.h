#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace insula::api {

/// A number or a name: a port by number or by name, a count or a percentage.
class IntOrString {
 public:
  IntOrString() = default;

  // NOLINTBEGIN(google-explicit-constructor): manifests write both as plain values
  IntOrString(std::int32_t number) : number_(number) {}

  IntOrString(std::string name) : name_(std::move(name)), is_string_(true) {}

  IntOrString(const char* name) : name_(name), is_string_(true) {}

  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool is_string() const { return is_string_; }

  /// The number; 0 when this is a string.
  [[nodiscard]] std::int32_t number() const { return number_; }

  /// The string; empty when this is a number.
  [[nodiscard]] const std::string& name() const { return name_; }

  [[nodiscard]] bool is_zero() const { return !is_string_ && number_ == 0; }

  [[nodiscard]] std::string text() const { return is_string_ ? name_ : std::to_string(number_); }

  bool operator==(const IntOrString&) const = default;

 private:
  std::string name_;
  std::int32_t number_ = 0;
  bool is_string_ = false;
};

}  // namespace insula::api
