#pragma once

#include <optional>
#include <string>

namespace insula::api {

/// One of x-kubernetes-validations as it was written.
struct SchemaRule {
  std::string rule;
  std::string message;
  std::string message_expression;
  std::string reason;
  std::string field_path;
  std::optional<bool> optional_old_self = {};
};

}  // namespace insula::api
