#include "apiserver/escalation.h"

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/field_errors.h"
#include "api/gen/meta_v1.h"
#include "api/gen/rbac_v1.h"
#include "api/rbac.h"
#include "apiserver/admission.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

using Rules = std::vector<api::PolicyRule>;

/// Everything that there is.
Rules full_authority() {
  api::PolicyRule resources;
  resources.verbs = resources.api_groups = resources.resources = {"*"};
  api::PolicyRule paths;
  paths.verbs = paths.non_resource_urls = {"*"};
  return {resources, paths};
}

/// Of a garbage collector's write: only who owns the object and who holds its end has changed, and
/// in managedFields who said so.
bool gives_nothing(const api::Kind& kind, const void* object, const void* present) {
  if (present == nullptr) return false;
  const Object same = copy_object(kind.type, object);
  api::ObjectMeta& meta = kind.metadata(same.get());
  const api::ObjectMeta& before = kind.metadata(present);
  meta.owner_references = before.owner_references;
  meta.finalizers = before.finalizers;
  meta.managed_fields = before.managed_fields;
  return kind.type.ops.equal(same.get(), present);
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : " ") + api::ShownValue(word).text();
  return text;
}

class EscalationCheck {
 public:
  EscalationCheck(Authorizer& authorizer,
                  const User& user,
                  const RequestInfo& request,
                  const api::Kind& kind)
      : authorizer_(authorizer), user_(user), request_(request), kind_(kind) {}

  Result<> role(const api::ObjectMeta& meta, const Rules& rules) {
    RequestInfo escalate = request_;
    escalate.verb = "escalate";
    escalate.subresource.clear();
    if (authorizer_.decide(user_, escalate).allowed) return {};
    may_escalate_ = false;
    return holds(meta, rules);
  }

  Result<> aggregation(const api::ObjectMeta& meta, bool has, bool had) {
    if (may_escalate_ || (!has && !had) || holds(meta, full_authority())) return {};
    return forbidden(kind_, meta.name,
                     "must have cluster-admin privileges to use the aggregationRule");
  }

  Result<> binding(const store::Transaction& transaction,
                   const api::ObjectMeta& meta,
                   const api::RoleRef& ref) {
    const bool cluster_wide = ref.kind == "ClusterRole";
    RequestInfo bind;
    bind.is_resource = true;
    bind.verb = "bind";
    bind.group = ref.api_group;
    bind.version = "*";
    bind.name_space = meta.namespace_;
    bind.resource = cluster_wide ? "clusterroles" : "roles";
    bind.name = ref.name;
    if (authorizer_.decide(user_, bind).allowed) return {};
    const api::Kind& role_kind =
        cluster_wide ? api::kind_of<api::ClusterRole>() : api::kind_of<api::Role>();
    const store::EntryPtr entry = transaction.find(
        store_key(role_kind, cluster_wide ? std::string() : meta.namespace_, ref.name));
    if (!entry) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("{} \"{}\" not found", role_kind.group_resource(), ref.name));
    }
    return holds(meta, cluster_wide ? object_of<api::ClusterRole>(*entry)->rules
                                    : object_of<api::Role>(*entry)->rules);
  }

 private:
  /// The user has all of these rights where the object is.
  Result<> holds(const api::ObjectMeta& meta, const Rules& rules) {
    const std::vector<const api::PolicyRule*> held = authorizer_.rules_of(user_, meta.namespace_);
    const auto missing = api::uncovered(held, rules);
    if (!missing) return forbidden(kind_, meta.name, missing.error().message());
    if (missing->empty()) return {};
    std::set<std::string> texts;
    for (const api::PolicyRule& rule : *missing)
      texts.insert(api::rule_text(rule));
    return forbidden(kind_, meta.name,
                     fmt::format("user {} (groups=[{}]) is attempting to grant RBAC permissions "
                                 "not currently held:\n{}",
                                 api::ShownValue(user_.name).text(), quoted_list(user_.groups),
                                 fmt::join(texts, "\n")));
  }

  Authorizer& authorizer_;
  const User& user_;
  const RequestInfo& request_;
  const api::Kind& kind_;
  bool may_escalate_ = true;
};

}  // namespace

WritePermit escalation_permit(Authorizer& authorizer, User user, RequestInfo request) {
  return [&authorizer, user = std::move(user), request = std::move(request)](
             const store::Transaction& transaction, const api::Kind& kind, const void* object,
             const void* present) -> Result<> {
    if (user.in(kMasters) || gives_nothing(kind, object, present)) return {};
    EscalationCheck check(authorizer, user, request, kind);
    if (&kind == &api::kind_of<api::Role>()) {
      const auto& role = *static_cast<const api::Role*>(object);
      return check.role(role.metadata, role.rules);
    }
    if (&kind == &api::kind_of<api::ClusterRole>()) {
      const auto& role = *static_cast<const api::ClusterRole*>(object);
      const auto* before = static_cast<const api::ClusterRole*>(present);
      INSULA_TRY_VOID(check.role(role.metadata, role.rules));
      return check.aggregation(role.metadata, static_cast<bool>(role.aggregation_rule),
                               before != nullptr && static_cast<bool>(before->aggregation_rule));
    }
    if (&kind == &api::kind_of<api::RoleBinding>()) {
      const auto& binding = *static_cast<const api::RoleBinding*>(object);
      return check.binding(transaction, binding.metadata, binding.role_ref);
    }
    if (&kind == &api::kind_of<api::ClusterRoleBinding>()) {
      const auto& binding = *static_cast<const api::ClusterRoleBinding*>(object);
      return check.binding(transaction, binding.metadata, binding.role_ref);
    }
    return {};
  };
}

}  // namespace insula::apiserver
