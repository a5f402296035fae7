#include "apiserver/policy_scope.h"

#include <utility>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/validation/metadata.h"
#include "apiserver/admission_match.h"
#include "apiserver/object.h"
#include "json/parse.h"

namespace insula::apiserver {

namespace {

json::Value stored_json(const store::EntryPtr& entry) {
  return entry ? json::parse(entry->value).value_or(json::Value()) : json::Value();
}

}  // namespace

json::Value namespace_of(const store::Transaction& transaction, const AdmissionRequest& request) {
  if (!request.resource.namespaced) return {};
  return stored_json(
      transaction.find(store_key(api::kind_of<api::Namespace>(), "", request.name_space)));
}

const api::Kind* PolicyScope::version(const api::Box<api::MatchResources>& constraints,
                                      const api::Box<api::MatchResources>& also) const {
  if (!constraints) return nullptr;
  const api::Kind* found = AdmissionMatch::of(*constraints).find(transaction, request, kinds);
  if (found == nullptr || !also) return found;
  return AdmissionMatch::of(*also).find(transaction, request, kinds) == nullptr ? nullptr : found;
}

Result<std::vector<json::Value>> PolicyScope::params(
    const api::Box<api::ParamKind>& kind, const api::Box<api::ParamRef>& reference) const {
  if (!kind || !reference) return std::vector<json::Value>(1);
  const api::Kind* params = kinds.find(kind->api_version, kind->kind);
  if (params == nullptr || !params->is_stored()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("failed to find resource referenced by paramKind: '{}, Kind={}'",
                            kind->api_version, kind->kind));
  }
  INSULA_TRY(const std::string name_space, namespace_of_params(*params, *reference));
  std::vector<json::Value> found;
  if (!reference->name.empty()) {
    const store::EntryPtr entry =
        transaction.find(store_key(params->storage(), name_space, reference->name));
    if (entry) found.push_back(stored_json(entry));
  } else if (reference->selector) {
    transaction.scan(store_key(params->storage(), name_space, ""),
                     [&](const store::EntryPtr& entry) {
                       const auto object = object_of(params->storage(), *entry);
                       const auto& labels = params->storage().metadata(object.get()).labels;
                       if (api::matches(*reference->selector, labels))
                         found.push_back(stored_json(entry));
                       return true;
                     });
  }
  if (found.empty() && reference->parameter_not_found_action.value_or("Deny") == "Deny") {
    return fail(ErrorCode::kInvalid,
                "no params found for policy binding with `Deny` parameterNotFoundAction");
  }
  return found;
}

Result<std::string> PolicyScope::namespace_of_params(const api::Kind& kind,
                                                     const api::ParamRef& reference) const {
  if (!kind.namespaced) {
    if (reference.namespace_.empty()) return std::string();
    return fail(ErrorCode::kInvalid,
                "paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  }
  if (!reference.namespace_.empty()) return reference.namespace_;
  if (request.resource.namespaced) return request.name_space;
  return fail(ErrorCode::kInvalid,
              "cannot use namespaced paramRef in policy binding that matches cluster-scoped "
              "resources");
}

}  // namespace insula::apiserver
