#include "apiserver/authentication.h"

namespace insula::apiserver {

Result<User> authenticate_token(std::string_view) {
  return fail(ErrorCode::kUnauthenticated, "invalid bearer token");
}

Result<User> authenticate(const net::TlsPeer* peer, std::string_view authorization) {
  if (!authorization.empty() || peer == nullptr)
    return fail(ErrorCode::kUnauthenticated, "Unauthorized");
  if (peer->common_name.empty()) return User{kAnonymous, {kUnauthenticated}};
  User user{peer->common_name, peer->organizations};
  if (!user.in(kAuthenticated)) user.groups.emplace_back(kAuthenticated);
  return user;
}

}  // namespace insula::apiserver
