#pragma once

#include "api/field_errors.h"
#include "api/gen/insula_v1alpha1.h"

namespace insula::api {

/// Whose web pages may use a tenant's path.
void validate_cors(const TenantCors& cors, const FieldPath& path, FieldErrors& errors);

}  // namespace insula::api
