#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/field_errors.h"
#include "api/gen/core_v1.h"
#include "api/quantity.h"

namespace insula::api {

using Resources = std::map<std::string, Quantity>;

/// The name of a resource, of any kind.
void validate_resource_name(std::string_view name, const FieldPath& path, FieldErrors& errors);
/// The name of a resource that a container can ask for.
void validate_container_resource_name(std::string_view name,
                                      const FieldPath& path,
                                      FieldErrors& errors);
/// The name of a resource that a ResourceQuota can limit.
void validate_quota_resource_name(std::string_view name,
                                  const FieldPath& path,
                                  FieldErrors& errors);

/// Not negative, and whole where only whole numbers make sense.
void validate_amount(std::string_view name,
                     const Quantity& amount,
                     const FieldPath& path,
                     FieldErrors& errors);

/// Names, amounts, and that a request is no more than its limit; of devices it must be the same.
void validate_requirements(const ResourceRequirements& resources,
                           const FieldPath& path,
                           FieldErrors& errors);

inline constexpr std::string_view kNegative = "must be greater than or equal to 0";

}  // namespace insula::api
