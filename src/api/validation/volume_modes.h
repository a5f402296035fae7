#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_errors.h"

/// Words that volumes and claims have in common.
namespace insula::api {

void validate_access_modes(const std::vector<std::string>& modes,
                           const FieldPath& path,
                           FieldErrors& errors);
void validate_volume_mode(const std::optional<std::string>& mode,
                          const FieldPath& path,
                          FieldErrors& errors);
/// The name of a class of storage or of attributes; nothing and empty are right.
void validate_class_name(const std::optional<std::string>& name,
                         const FieldPath& path,
                         FieldErrors& errors);

inline constexpr std::string_view kNotPositive = "must be greater than zero";

}  // namespace insula::api
