#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "api/kind.h"

namespace insula::api {

/// What a subresource takes and gives, for discovery and OpenAPI.
struct Subresource {
  std::string_view name;   // "status"
  std::string_view group;  // of the kind below
  std::string_view version;
  std::string_view kind;  // of the body: "Scale", or the kind of the resource itself
  std::span<const std::string_view> verbs;
};

/// The facts of a subresource that `kind` lists. A name that is not known has only `get`.
[[nodiscard]] Subresource subresource_of(const Kind& kind, std::string_view name);

}  // namespace insula::api
