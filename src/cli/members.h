#pragma once

#include <chrono>
#include <string>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/client.h"
#include "client/kubeconfig.h"

namespace insula::cli {

/// Who is to be a member of which tenant, and how long.
struct MemberRequest {
  std::string tenant;
  std::string user;
  std::chrono::seconds lifetime = std::chrono::days(90);
};

/// Has a certificate signed that makes `user` a member of the tenant, with a key made here: creates
/// a CertificateSigningRequest, approves it, and waits for the certificate. `server`: how the
/// member reaches the API; its credentials are replaced.
///
/// Errors: kNotFound for a tenant that is not there; kInvalid for a name that no certificate takes;
/// kForbidden for a caller that may not approve; kTimeout; kUpstream when signing failed.
Task<Result<client::Kubeconfig>> member_kubeconfig(client::Client& client,
                                                   client::Kubeconfig server,
                                                   MemberRequest request,
                                                   Deadline deadline);

}  // namespace insula::cli
