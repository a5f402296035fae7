#include "apiserver/authentication.h"

#include <algorithm>
#include <cctype>

namespace insula::apiserver {

namespace {

constexpr std::string_view kScheme = "bearer ";

/// RFC 6750 section 2.1; the scheme's case does not count (RFC 9110 section 11.1).
std::string_view bearer_token(std::string_view authorization) {
  const std::string_view scheme = authorization.substr(0, kScheme.size());
  const bool bearer = std::ranges::equal(
      scheme, kScheme, [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
  if (!bearer) return {};
  authorization.remove_prefix(kScheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

std::unexpected<Error> unauthorized() {
  return fail(ErrorCode::kUnauthenticated, "Unauthorized");
}

}  // namespace

Result<User> authenticate(const net::TlsPeer* peer,
                          std::string_view authorization,
                          TokenAuthenticator* tokens,
                          WallTime now) {
  if (peer != nullptr && !peer->common_name.empty()) {
    User user{peer->common_name, peer->organizations};
    if (!user.in(kAuthenticated)) user.groups.emplace_back(kAuthenticated);
    user.extra[kCredentialId] = {"X509SHA256=" + peer->fingerprint};
    return user;
  }
  if (authorization.empty()) {
    if (peer == nullptr) return unauthorized();
    return User{kAnonymous, {kUnauthenticated}};
  }
  const std::string_view token = bearer_token(authorization);
  if (token.empty() || tokens == nullptr) return unauthorized();
  Result<TokenUser> found = tokens->verify(token, {}, now);
  if (!found) return unauthorized();
  return std::move(found->user);
}

}  // namespace insula::apiserver
