#include "apiserver/token_request.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/field_errors.h"
#include "api/invalid.h"
#include "apiserver/admission.h"
#include "apiserver/object.h"
#include "apiserver/token_claims.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kNodes = "system:nodes";
constexpr std::string_view kNodeUser = "system:node:";
constexpr std::int64_t kSecondsMax = std::int64_t{1} << 32;

template <class T>
Result<std::shared_ptr<const T>> read(const store::Store& store,
                                      std::string_view name_space,
                                      std::string_view name) {
  const api::Kind& kind = api::kind_of<T>();
  const store::EntryPtr entry = store.find(store_key(kind, name_space, name));
  if (!entry)
    return fail(ErrorCode::kNotFound,
                fmt::format("{} \"{}\" not found", kind.group_resource(), name));
  return object_of<T>(*entry);
}

Result<> check_request(const TokenRequester& requester, const api::TokenRequest& request) {
  api::FieldErrors errors;
  const api::FieldPath metadata("metadata");
  if (!request.metadata.name.empty() && request.metadata.name != requester.account)
    errors.invalid(metadata.child("name"), request.metadata.name,
                   "must match the service account name if specified");
  if (!request.metadata.namespace_.empty() && request.metadata.namespace_ != requester.name_space)
    errors.invalid(metadata.child("namespace"), request.metadata.namespace_,
                   "must match the service account namespace if specified");
  const api::FieldPath path = api::FieldPath("spec").child("expirationSeconds");
  const std::int64_t seconds =
      request.spec.expiration_seconds.value_or(kTokenLifetimeDefault.count());
  if (seconds < kTokenLifetimeMin.count())
    errors.invalid(path, seconds, "may not specify a duration less than 10 minutes");
  if (seconds > kSecondsMax)
    errors.invalid(path, seconds, "may not specify a duration larger than 2^32 seconds");
  if (errors.empty()) return {};
  return std::unexpected(
      api::invalid("TokenRequest", "authentication.k8s.io", "", std::move(errors).take()));
}

/// The audiences that a pod's volumes name; an empty one stands for the API server's.
bool names_audience(const api::Pod& pod, std::string_view audience) {
  for (const api::Volume& volume : pod.spec.volumes) {
    if (!volume.volume_source.projected) continue;
    for (const api::VolumeProjection& source : volume.volume_source.projected->sources) {
      if (source.service_account_token && source.service_account_token->audience == audience)
        return true;
    }
  }
  return false;
}

/// What RBAC cannot say of nodes.
Result<> check_node(const store::Store& store,
                    const TokenRequester& requester,
                    const api::TokenRequestSpec& spec) {
  if (!requester.user.in(kNodes)) return {};
  const auto refuse = [&](std::string_view why) {
    return forbidden(api::kind_of<api::ServiceAccount>(), requester.account, why);
  };
  const auto& bound = spec.bound_object_ref;
  if (!bound || bound->kind != "Pod" || bound->api_version != "v1" || bound->name.empty())
    return refuse("node requested token not bound to a pod");
  if (bound->uid.empty()) return refuse("node requested token with a pod binding without a uid");
  INSULA_TRY(const auto pod, read<api::Pod>(store, requester.name_space, bound->name));
  if (requester.user.name != std::string(kNodeUser) + pod->spec.node_name)
    return refuse("node requested token bound to a pod scheduled on a different node");
  for (const std::string& audience : spec.audiences) {
    if (!names_audience(*pod, audience))
      return refuse(fmt::format("audience \"{}\" not found in pod spec volume", audience));
  }
  return {};
}

Result<TokenObject> bound_object(const api::BoundObjectReference& reference,
                                 const api::ObjectMeta& present) {
  if (reference.uid.empty() || reference.uid == present.uid)
    return TokenObject{present.name, present.uid};
  return fail(ErrorCode::kConflict,
              fmt::format("Operation cannot be fulfilled on {} \"{}\": the UID in the bound object "
                          "reference ({}) does not match the UID in record. The object might have "
                          "been deleted and then recreated",
                          reference.kind, reference.name, reference.uid));
}

Result<> bind_pod(const store::Store& store,
                  const api::BoundObjectReference& reference,
                  TokenClaims& claims) {
  INSULA_TRY(const auto pod, read<api::Pod>(store, claims.name_space, reference.name));
  if (pod->spec.service_account_name != claims.account.name) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("cannot bind token for serviceaccount \"{}\" to pod running with "
                            "different serviceaccount name.",
                            claims.account.name));
  }
  INSULA_TRY(claims.pod, bound_object(reference, pod->metadata));
  if (pod->spec.node_name.empty()) return {};
  claims.node = {pod->spec.node_name, ""};
  const auto node = read<api::Node>(store, "", pod->spec.node_name);
  // A pod may be placed on a node that is not there yet; then nothing certain is known of it.
  if (!node) {
    claims.node.reset();
  } else {
    claims.node->uid = (*node)->metadata.uid;
  }
  return {};
}

Result<> bind(const store::Store& store,
              const api::BoundObjectReference& reference,
              TokenClaims& claims) {
  if (reference.api_version == "v1" && reference.kind == "Pod")
    return bind_pod(store, reference, claims);
  if (reference.api_version == "v1" && reference.kind == "Secret") {
    INSULA_TRY(const auto secret, read<api::Secret>(store, claims.name_space, reference.name));
    INSULA_TRY(claims.secret, bound_object(reference, secret->metadata));
    return {};
  }
  if (reference.api_version == "v1" && reference.kind == "Node") {
    INSULA_TRY(const auto node, read<api::Node>(store, "", reference.name));
    INSULA_TRY(claims.node, bound_object(reference, node->metadata));
    return {};
  }
  const std::size_t slash = reference.api_version.find('/');
  const std::string group =
      slash == std::string::npos ? "" : reference.api_version.substr(0, slash);
  const std::string version =
      slash == std::string::npos ? reference.api_version : reference.api_version.substr(slash + 1);
  return fail(ErrorCode::kBadRequest,
              fmt::format("cannot bind token to object of type {}/{}, Kind={}", group, version,
                          reference.kind));
}

}  // namespace

Result<> TokenIssuer::answer(const TokenRequester& requester, api::TokenRequest& request) const {
  INSULA_TRY_VOID(check_request(requester, request));
  INSULA_TRY(const auto account,
             read<api::ServiceAccount>(store_, requester.name_space, requester.account));
  INSULA_TRY_VOID(check_node(store_, requester, request.spec));
  if (request.spec.audiences.empty()) request.spec.audiences = {authority_.issuer};
  const auto lifetime = std::min(
      std::chrono::seconds(request.spec.expiration_seconds.value_or(kTokenLifetimeDefault.count())),
      kTokenLifetimeMax);
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall());
  TokenClaims claims;
  claims.issuer = authority_.issuer;
  claims.audiences = request.spec.audiences;
  claims.id = random_uuid(random_);
  claims.name_space = requester.name_space;
  claims.account = {account->metadata.name, account->metadata.uid};
  claims.issued = now;
  claims.not_before = now;
  claims.expires = now + lifetime;
  if (request.spec.bound_object_ref)
    INSULA_TRY_VOID(bind(store_, *request.spec.bound_object_ref, claims));
  INSULA_TRY(request.status.token, authority_.keys.sign(write_claims(claims)));
  request.status.expiration_timestamp = api::Time::from(*claims.expires);
  request.spec.expiration_seconds = lifetime.count();
  request.metadata.name = requester.account;
  request.metadata.namespace_ = requester.name_space;
  request.metadata.creation_timestamp = api::Time::from(now);
  return {};
}

Result<std::string> TokenIssuer::token_of_secret(const api::ServiceAccount& account,
                                                 const api::Secret& secret) const {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall());
  TokenClaims claims;
  claims.issuer = authority_.issuer;
  claims.audiences = {authority_.issuer};
  claims.id = random_uuid(random_);
  claims.name_space = account.metadata.namespace_;
  claims.account = {account.metadata.name, account.metadata.uid};
  claims.secret = {secret.metadata.name, secret.metadata.uid};
  claims.issued = now;
  claims.not_before = now;
  return authority_.keys.sign(write_claims(claims));
}

}  // namespace insula::apiserver
