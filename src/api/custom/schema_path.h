#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/custom/schema_node.h"
#include "base/error.h"

namespace insula::api {

/// A place that a path of members leads to.
struct SchemaPlace {
  std::vector<std::string> members;
  const SchemaNode* node;
};

enum class PathForm : std::uint8_t { kDots, kDotsAndBrackets };

/// Follows `.spec.a` and, where that form is taken, `.spec['a.b']` through a schema.
/// Errors: kInvalid with Kubernetes' words.
/// Spec: apiextensions-apiserver, pkg/apiserver/schema/cel, ValidFieldPath.
[[nodiscard]] Result<SchemaPlace> follow_path(const SchemaNode& root,
                                              std::string_view path,
                                              PathForm form);

}  // namespace insula::api
