#pragma once

#include <string>

#include "api/kind.h"
#include "apiserver/authorizer.h"
#include "apiserver/object.h"
#include "apiserver/token_authenticator.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/error.h"

namespace insula::apiserver {

/// Who asks, from where, and when.
struct Reviewer {
  const User& user;
  std::string name_space;  // of the URL; empty for kinds without one
  WallTime now;
  TokenAuthenticator* tokens = nullptr;  // null: no token is good
};

/// Answers a question about rights or identities: fills the status of `object`, which is of one of
/// the kinds of authorization.k8s.io/v1 or authentication.k8s.io/v1 that are not stored.
///
/// That the caller may ask it at all has been decided before.
/// Errors: kInvalid and kBadRequest for questions that make no sense, in Kubernetes' words.
/// Requires: `kind` is such a kind, and `object` of it.
[[nodiscard]] Result<> answer_review(Authorizer& authorizer,
                                     const Reviewer& reviewer,
                                     const api::Kind& kind,
                                     void* object);

}  // namespace insula::apiserver
