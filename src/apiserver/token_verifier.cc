#include "apiserver/token_verifier.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/gen/core_v1.h"
#include "apiserver/object.h"
#include "apiserver/service_account.h"
#include "jose/jws.h"

namespace insula::apiserver {

namespace {

/// The clock may have stepped back since the token was made.
constexpr std::chrono::seconds kNotBeforeLeeway{60};
/// An object that is being deleted still counts for as long after the time set for it.
constexpr std::chrono::seconds kDeletionLeeway{60};

constexpr std::string_view kExtra = "authentication.kubernetes.io/";

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::kUnauthenticated, std::move(why));
}

/// The object under that name is the one that is meant, and is not being deleted since long.
bool is_there(const store::Store& store,
              const api::Kind& kind,
              std::string_view name_space,
              const TokenObject& meant,
              WallTime now) {
  const store::EntryPtr entry = store.find(store_key(kind, name_space, meant.name));
  if (!entry) return false;
  const ConstObject object = object_of(kind, *entry);
  const api::ObjectMeta& meta = kind.metadata(object.get());
  if (meta.uid != meant.uid) return false;
  return !meta.deletion_timestamp || now < meta.deletion_timestamp->wall() + kDeletionLeeway;
}

User user_of(const TokenClaims& claims) {
  const ServiceAccountName name{claims.name_space, claims.account.name};
  User user{name.user(), name.groups(), claims.account.uid};
  user.groups.emplace_back(kAuthenticated);
  const auto tell = [&](std::string_view what, std::string value) {
    user.extra[std::string(kExtra) + std::string(what)] = {std::move(value)};
  };
  user.extra[kCredentialId] = {"JTI=" + claims.id};
  if (claims.pod) {
    tell("pod-name", claims.pod->name);
    tell("pod-uid", claims.pod->uid);
  }
  if (claims.node) {
    tell("node-name", claims.node->name);
    tell("node-uid", claims.node->uid);
  }
  return user;
}

}  // namespace

Result<TokenUser> TokenVerifier::verify(std::string_view token,
                                        std::span<const std::string> audiences,
                                        WallTime now) {
  INSULA_TRY(const TokenClaims claims, claims_of(token));
  if (claims.expires && now >= *claims.expires) return refuse("service account token has expired");
  if (now + kNotBeforeLeeway < claims.not_before)
    return refuse("service account token is not valid yet");
  if (audiences.empty()) audiences = std::span(&authority_.issuer, 1);
  TokenUser out;
  for (const std::string& audience : audiences) {
    if (std::ranges::find(claims.audiences, audience) != claims.audiences.end())
      out.audiences.push_back(audience);
  }
  if (out.audiences.empty()) {
    return refuse(fmt::format("token audiences {} is invalid for the target audiences {}",
                              claims.audiences,
                              std::vector<std::string>(audiences.begin(), audiences.end())));
  }
  INSULA_TRY_VOID(check_objects(claims, token, now));
  out.user = user_of(claims);
  return out;
}

Result<TokenClaims> TokenVerifier::claims_of(std::string_view token) {
  if (token.size() > jose::kTokenBytesMax) return refuse("the token is too long");
  std::string hash = jose::sha256(token);
  for (const Generation* known : {&young_, &old_}) {
    if (const auto found = known->find(hash); found != known->end()) return found->second;
  }
  INSULA_TRY(const jose::VerifiedJws jws, jose::verify_jws(token, authority_.keys.public_keys()));
  INSULA_TRY(TokenClaims claims, read_claims(jws.payload));
  if (claims.issuer != authority_.issuer) return refuse("the token is from another issuer");
  remember(std::move(hash), claims);
  return claims;
}

void TokenVerifier::remember(std::string hash, const TokenClaims& claims) {
  if (young_.size() == kGenerationMax) old_ = std::exchange(young_, {});
  young_.emplace(std::move(hash), claims);
}

Result<> TokenVerifier::check_objects(const TokenClaims& claims,
                                      std::string_view token,
                                      WallTime now) const {
  const std::string& name_space = claims.name_space;
  if (!is_there(store_, api::kind_of<api::ServiceAccount>(), name_space, claims.account, now))
    return refuse("service account token has been invalidated: the account is gone");
  if (claims.pod && !is_there(store_, api::kind_of<api::Pod>(), name_space, *claims.pod, now))
    return refuse("service account token has been invalidated: its pod is gone");
  // The node of a pod's token is told, and it is the pod that the token is bound to.
  if (claims.node && !claims.pod &&
      !is_there(store_, api::kind_of<api::Node>(), "", *claims.node, now))
    return refuse("service account token has been invalidated: its node is gone");
  return claims.secret ? check_secret(claims, token, now) : Result<>();
}

Result<> TokenVerifier::check_secret(const TokenClaims& claims,
                                     std::string_view token,
                                     WallTime now) const {
  if (!is_there(store_, api::kind_of<api::Secret>(), claims.name_space, *claims.secret, now))
    return refuse("service account token has been invalidated: its Secret is gone");
  if (claims.expires) return {};
  // Whoever may write the Secret takes such a token back by changing it.
  const store::EntryPtr entry =
      store_.find(store_key(api::kind_of<api::Secret>(), claims.name_space, claims.secret->name));
  const auto secret = object_of<api::Secret>(*entry);
  const auto held = secret->data.find("token");
  if (held == secret->data.end() || !jose::equal_in_constant_time(held->second, token))
    return refuse("the token is not the one that its Secret holds");
  return {};
}

}  // namespace insula::apiserver
