#pragma once

#include "api/kind.h"
#include "apiserver/authorizer.h"
#include "apiserver/registry.h"
#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/error.h"

namespace insula::apiserver {

/// Writes into a new CertificateSigningRequest who asks, and looks into the request itself. Nothing
/// for other kinds.
///
/// Errors: kInvalid for a request that cannot be read, whose signature is wrong or whose key is too
/// weak; kForbidden for the signer of clients with the group system:masters, whom no later decision
/// can take its rights from.
/// Spec: Kubernetes, admission CertificateSubjectRestriction.
[[nodiscard]] Result<> admit_certificate_request(const api::Kind& kind,
                                                 void* object,
                                                 const User& user);

/// Dates the conditions that a write to a CertificateSigningRequest adds or changes. Nothing for
/// other kinds.
void date_decisions(const api::Kind& kind, void* object, const void* present, WallTime now);

/// Keeps users from approving or signing for signers that they may not: beside the right to the
/// subresource they need the verb `approve` or `sign` on `signers` with the signer's name, or with
/// `DOMAIN/*`.
///
/// Errors of the permit: kForbidden in Kubernetes' words. Lifetime: the authorizer outlives it.
/// Spec: Kubernetes, admission CertificateApproval and CertificateSigning.
[[nodiscard]] WritePermit signer_permit(Authorizer& authorizer, User user, RequestInfo request);

}  // namespace insula::apiserver
