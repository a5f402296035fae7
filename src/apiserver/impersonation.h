#pragma once

#include "apiserver/authorizer.h"
#include "apiserver/user.h"
#include "base/error.h"
#include "http/message.h"

namespace insula::apiserver {

/// Most values that the `Impersonate-` headers of one request may have.
inline constexpr std::size_t kImpersonatedValuesMax = 1'000;

/// Who a request is to be treated as: `user` itself without `Impersonate-` headers, and otherwise
/// who they name, if `user` has the verb `impersonate` on that user or service account, each of the
/// groups, the uid and each extra value.
///
/// Without groups a service account gets those of service accounts; everybody but system:anonymous
/// gets system:authenticated.
/// Errors: kForbidden in Kubernetes' words; kBadRequest for headers without `Impersonate-User`,
/// with an unknown one, or with too many.
/// Spec: Kubernetes, "User Impersonation".
[[nodiscard]] Result<User> impersonate(Authorizer& authorizer,
                                       User user,
                                       const http::Headers& headers);

}  // namespace insula::apiserver
