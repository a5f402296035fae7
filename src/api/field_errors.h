#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace insula::api {

/// Where a value is in an object: `spec.containers[0].image`, `spec.hard[pods]`.
class FieldPath {
 public:
  FieldPath() = default;

  explicit FieldPath(std::string_view text) : text_(text) {}

  [[nodiscard]] FieldPath child(std::string_view name) const;
  [[nodiscard]] FieldPath index(std::size_t position) const;
  [[nodiscard]] FieldPath key(std::string_view name) const;

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// A wrong value as messages show it: strings quoted, numbers bare, the rest as JSON.
class ShownValue {
 public:
  // Every value that is compared with a rule is shown when it breaks it, so plain values convert.
  ShownValue(std::string_view text);    // NOLINT(google-explicit-constructor): as above
  ShownValue(const std::string& text);  // NOLINT(google-explicit-constructor): as above
  ShownValue(const char* text);         // NOLINT(google-explicit-constructor): as above
  ShownValue(std::int32_t number);      // NOLINT(google-explicit-constructor): as above
  ShownValue(std::int64_t number);      // NOLINT(google-explicit-constructor): as above

  // Not from pointers, which convert to bool.
  template <std::same_as<bool> T>
  ShownValue(T value)  // NOLINT(google-explicit-constructor): as above
      : text_(value ? "true" : "false") {}

  [[nodiscard]] static ShownValue json(std::string text);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  ShownValue() = default;

  std::string text_;
};

/// Collects what is wrong with an object, in the words of Kubernetes' field errors.
///
/// What is beyond kCausesMax causes or kTextBytesMax of text is counted in a last one: the answer
/// to a bad object must not be many times its size.
class FieldErrors {
 public:
  static constexpr std::size_t kCausesMax = 100;
  static constexpr std::size_t kTextBytesMax = 256U << 10U;

  void required(const FieldPath& path, std::string_view detail = {});
  void invalid(const FieldPath& path, const ShownValue& value, std::string_view detail);
  /// Of a value that says nothing by itself, such as one of two that do not go together.
  void invalid(const FieldPath& path, std::string_view detail);
  /// One invalid() for each of `details`.
  void invalid_each(const FieldPath& path,
                    const ShownValue& value,
                    const std::vector<std::string>& details);
  /// Shows the supported values in the order given.
  void not_supported(const FieldPath& path,
                     const ShownValue& value,
                     std::initializer_list<std::string_view> supported);
  void not_supported(const FieldPath& path,
                     const ShownValue& value,
                     const std::vector<std::string_view>& supported);
  void not_found(const FieldPath& path, const ShownValue& value, std::string_view detail = {});
  void duplicate(const FieldPath& path, const ShownValue& value);
  void forbidden(const FieldPath& path, std::string_view detail);
  void too_long(const FieldPath& path, std::size_t bytes_max);
  void too_many(const FieldPath& path, std::size_t actual, std::size_t items_max);

  [[nodiscard]] bool empty() const { return causes_.empty(); }

  /// Those left out, too.
  [[nodiscard]] std::size_t size() const { return causes_.size() + left_out_; }

  [[nodiscard]] std::vector<FieldCause> take() &&;

 private:
  void add(const FieldPath& path, std::string_view reason, std::string message);

  std::vector<FieldCause> causes_;
  std::size_t text_bytes_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace insula::api
