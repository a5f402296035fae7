#pragma once

#include "api/field_errors.h"
#include "api/gen/insula_v1alpha1.h"

namespace insula::api {

/// The provider of a backend, but for its references to Secrets.
void validate_provider(const TenantProvider& provider, const FieldPath& path, FieldErrors& errors);

}  // namespace insula::api
