#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/certificates_v1.h"

/// The rules of requests for certificates, as kinds.h has those of other kinds. What is inside the
/// PEM is looked at by admission.
/// Spec: Kubernetes 1.36, pkg/apis/certificates/validation (behaviour and texts).
namespace insula::api {

void validate(const CertificateSigningRequest& object, FieldErrors& errors);
void validate_update(const CertificateSigningRequest& object,
                     const CertificateSigningRequest& old,
                     std::string_view subresource,
                     FieldErrors& errors);

}  // namespace insula::api
