#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"

namespace insula::api {

/// An optional struct on the heap, with the interface of std::optional.
///
/// A Pod has some hundred optional structs and uses a handful: kept inline, one pod would take tens
/// of kilobytes. Copies are deep, equality compares what is inside. T may be incomplete where the
/// Box is declared, so types may contain themselves.
///
/// What copies and frees a T is compiled once, where T's tables are: hundreds of nested structs
/// would otherwise be compiled again into every file that copies a Pod.
template <class T>
class Box {
 public:
  Box() = default;

  // NOLINTBEGIN(google-explicit-constructor): `.spec = PodSpec{...}` works as with std::optional
  Box(std::nullopt_t) {}

  Box(T value);

  // NOLINTEND(google-explicit-constructor)

  Box(const Box& other);
  Box(Box&& other) noexcept = default;
  Box& operator=(const Box& other);
  Box& operator=(Box&& other) noexcept;
  ~Box();

  template <class... Args>
  T& emplace(Args&&... args) {
    value_ = std::make_unique<T>(std::forward<Args>(args)...);
    return *value_;
  }

  void reset() { value_.reset(); }

  [[nodiscard]] bool has_value() const { return value_ != nullptr; }

  explicit operator bool() const { return has_value(); }

  [[nodiscard]] T& operator*() { return value(); }

  [[nodiscard]] const T& operator*() const { return value(); }

  [[nodiscard]] T* operator->() { return &value(); }

  [[nodiscard]] const T* operator->() const { return &value(); }

  [[nodiscard]] T& value() {
    INSULA_CHECK(has_value());
    return *value_;
  }

  [[nodiscard]] const T& value() const {
    INSULA_CHECK(has_value());
    return *value_;
  }

  /// The value, made first when there is none.
  [[nodiscard]] T& ensure() { return has_value() ? *value_ : emplace(); }

  friend bool operator==(const Box& a, const Box& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace insula::api
