#pragma once

#include "api/field_errors.h"
#include "api/gen/admissionregistration_v1.h"

/// The rules of webhook configurations and admission policies, as kinds.h has those of other kinds.
/// Whether their expressions can be compiled is not looked at here.
/// Spec: Kubernetes 1.36, pkg/apis/admissionregistration/validation (behaviour and texts).
namespace insula::api {

void validate(const MutatingWebhookConfiguration& object, FieldErrors& errors);
void validate(const ValidatingWebhookConfiguration& object, FieldErrors& errors);
void validate(const ValidatingAdmissionPolicy& object, FieldErrors& errors);
void validate(const ValidatingAdmissionPolicyBinding& object, FieldErrors& errors);
void validate(const MutatingAdmissionPolicy& object, FieldErrors& errors);
void validate(const MutatingAdmissionPolicyBinding& object, FieldErrors& errors);

}  // namespace insula::api
