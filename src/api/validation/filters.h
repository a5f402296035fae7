#pragma once

#include <vector>

#include "api/field_errors.h"
#include "api/gen/insula_v1alpha1.h"

namespace insula::api {

/// What changes or refuses a tenant's requests.
void validate_filters(const std::vector<TenantFilter>& filters,
                      const FieldPath& path,
                      FieldErrors& errors);

}  // namespace insula::api
