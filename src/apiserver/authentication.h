#pragma once

#include <string_view>

#include "apiserver/token_authenticator.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/stream.h"

namespace insula::apiserver {

/// Who is behind a connection. Of a verified client certificate the CN is the user and its Os are
/// the groups, whatever else the request carries. Without one it is who the bearer token says, and
/// without either system:anonymous.
///
/// `peer`: null without TLS. `tokens`: null where none are good.
/// Errors: kUnauthenticated without TLS and token, for a token that is refused, and for
/// an Authorization that is no bearer token. The message says nothing of why.
[[nodiscard]] Result<User> authenticate(const net::TlsPeer* peer,
                                        std::string_view authorization,
                                        TokenAuthenticator* tokens,
                                        WallTime now);

}  // namespace insula::apiserver
