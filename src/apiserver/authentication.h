#pragma once

#include <string_view>

#include "apiserver/user.h"
#include "base/error.h"
#include "net/stream.h"

namespace insula::apiserver {

/// Who is behind a connection. Of a verified client certificate the CN is the user and its Os are
/// the groups; a TLS client without one, and without a bearer token, is system:anonymous.
///
/// Errors: kUnauthenticated without TLS, and for a bearer token that authenticate_token() refuses.
[[nodiscard]] Result<User> authenticate(const net::TlsPeer* peer, std::string_view authorization);

/// Whose a bearer token is. Errors: kUnauthenticated for all tokens: this server issues none yet.
[[nodiscard]] Result<User> authenticate_token(std::string_view token);

}  // namespace insula::apiserver
