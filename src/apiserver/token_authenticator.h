#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/user.h"
#include "base/clock.h"
#include "base/error.h"

namespace insula::apiserver {

/// Whose a token is, and for which of the audiences asked about.
struct TokenUser {
  User user;
  std::vector<std::string> audiences;
};

/// Finds out whose a bearer token is. Threads: the store's loop.
class TokenAuthenticator {
 public:
  virtual ~TokenAuthenticator() = default;

  /// `audiences`: at least one of them must be the token's; none: the API server's own.
  /// Errors: kUnauthenticated with why, for logs and TokenReviews.
  [[nodiscard]] virtual Result<TokenUser> verify(std::string_view token,
                                                 std::span<const std::string> audiences,
                                                 WallTime now) = 0;
};

}  // namespace insula::apiserver
