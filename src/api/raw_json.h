#pragma once

#include <string>

namespace insula::api {

/// A JSON value kept as compact text: something we carry and do not look into (a FieldsV1, an
/// object inside another). Empty means absent.
struct RawJson {
  std::string text;

  [[nodiscard]] bool empty() const { return text.empty(); }

  bool operator==(const RawJson&) const = default;
};

}  // namespace insula::api
