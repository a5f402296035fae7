#pragma once

#include "api/gen/admissionregistration_v1.h"

namespace insula::api {

void set_defaults(MutatingWebhookConfiguration& object);
void set_defaults(ValidatingWebhookConfiguration& object);
void set_defaults(ValidatingAdmissionPolicy& object);
void set_defaults(ValidatingAdmissionPolicyBinding& object);
void set_defaults(MutatingAdmissionPolicy& object);
void set_defaults(MutatingAdmissionPolicyBinding& object);

}  // namespace insula::api
