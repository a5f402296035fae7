#pragma once

#include <string>
#include <utility>
#include <vector>

#include "json/value.h"

namespace insula::gateway {

/// How the headers of a message are changed: by a filter of a tenant, or by a rule of an HTTPRoute.
struct HeaderEditsConfig {
  using Headers = std::vector<std::pair<std::string, std::string>>;

  Headers set = {};
  Headers add = {};
  std::vector<std::string> remove = {};

  bool operator==(const HeaderEditsConfig&) const = default;
};

[[nodiscard]] json::Value to_value(const HeaderEditsConfig& edits);
[[nodiscard]] HeaderEditsConfig header_edits_from(const json::Object& object);

}  // namespace insula::gateway
