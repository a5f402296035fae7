#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace insula::controller {

/// Which object of a kind; `name_space` is empty for cluster-scoped kinds.
struct Key {
  std::string name_space;
  std::string name;

  auto operator<=>(const Key&) const = default;

  /// `namespace/name`, or `name` alone.
  [[nodiscard]] std::string text() const {
    return name_space.empty() ? name : name_space + "/" + name;
  }
};

template <class T>
[[nodiscard]] Key key_of(const T& object) {
  return {object.metadata.namespace_, object.metadata.name};
}

}  // namespace insula::controller
