#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"

namespace insula::api {

/// One step from a value to a value in it: a member of an object, or an element of a list that is
/// told by its keys, by its value, or by its place.
struct PathElement {
  enum class Type : std::uint8_t { kField, kKey, kValue, kIndex };

  Type type = Type::kField;
  /// The member's name; for keys an object of them, sorted by name, as compact JSON; for values the
  /// compact JSON; for places the number.
  std::string text;

  [[nodiscard]] static PathElement field(std::string_view name);
  [[nodiscard]] static PathElement value(const json::Value& value);
  /// Sorts the keys.
  [[nodiscard]] static PathElement key(json::Object keys);

  /// `f:name`, `k:{"name":"a"}`, `v:"x"`, `i:0`.
  [[nodiscard]] std::string fields_v1() const;
  /// The reverse. Nullopt for what this version does not know.
  [[nodiscard]] static std::optional<PathElement> parse_fields_v1(std::string_view text);

  /// As messages show it: `.name`, `[name="a",protocol="TCP"]`, `[="x"]`, `[0]`.
  [[nodiscard]] std::string shown() const;

  bool operator==(const PathElement&) const = default;
  /// The canonical order of a set: fields, keys, values, places; numbers by value, before texts,
  /// before booleans.
  std::strong_ordering operator<=>(const PathElement& other) const;
};

}  // namespace insula::api
