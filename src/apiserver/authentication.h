#pragma once

#include <string_view>

#include "apiserver/token_verifier.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/stream.h"

namespace insula::apiserver {

/// Who is behind a connection. Of a verified client certificate the CN is the user and its Os are
/// the groups, whatever else the request carries. Without one it is the ServiceAccount of the
/// bearer token, and without either system:anonymous.
///
/// `peer`: null without TLS. `verifier`: null where no tokens are issued.
/// Errors: kUnauthenticated without TLS and token, for a token that the verifier refuses, and for
/// an Authorization that is no bearer token. The message says nothing of why.
[[nodiscard]] Result<User> authenticate(const net::TlsPeer* peer,
                                        std::string_view authorization,
                                        TokenVerifier* verifier,
                                        WallTime now);

}  // namespace insula::apiserver
