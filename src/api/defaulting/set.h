#pragma once

#include <optional>
#include <string>
#include <string_view>

/// How defaults are written: only where nothing was.
namespace insula::api {

inline void set_if_empty(std::string& field, std::string_view value) {
  if (field.empty()) field = value;
}

template <class T>
void set_if_zero(T& field, T value) {
  if (field == 0) field = value;
}

template <class T, class U>
void set_if_absent(std::optional<T>& field, U value) {
  if (!field) field = value;
}

}  // namespace insula::api
