#include "apiserver/rbac_index.h"

#include <utility>

#include "api/gen/meta_v1.h"
#include "apiserver/object.h"
#include "apiserver/service_account.h"

namespace insula::apiserver {

namespace {

/// Namespace, kind and name of a subject in one key. Names hold no zero bytes.
std::string subject_key(std::string_view name_space, std::string_view kind, std::string_view name) {
  std::string key;
  key.reserve(name_space.size() + kind.size() + name.size() + 2);
  key.append(name_space) += '\0';
  key.append(kind) += '\0';
  return key.append(name);
}

/// Of a subject of a binding in `name_space`. Service accounts are found as users.
std::string subject_key(std::string_view name_space, const api::Subject& subject) {
  if (subject.kind != "ServiceAccount") return subject_key(name_space, subject.kind, subject.name);
  const ServiceAccountName account{
      subject.namespace_.empty() ? std::string(name_space) : subject.namespace_, subject.name};
  return subject_key(name_space, "User", account.user());
}

}  // namespace

RbacIndex::RbacIndex(store::Store& store)
    : mirror_(store,
              {&api::kind_of<api::Role>(), &api::kind_of<api::ClusterRole>(),
               &api::kind_of<api::RoleBinding>(), &api::kind_of<api::ClusterRoleBinding>()},
              *this) {}

void RbacIndex::visit(const User& user,
                      std::string_view name_space,
                      const std::function<bool(const Grant&)>& visit) {
  mirror_.refresh();
  const auto visit_all = [&](std::string_view where) {
    if (!visit_subject(where, "User", user.name, visit)) return false;
    for (const std::string& group : user.groups) {
      if (!visit_subject(where, "Group", group, visit)) return false;
    }
    return true;
  };
  if (visit_all({}) && !name_space.empty()) visit_all(name_space);
}

bool RbacIndex::visit_subject(std::string_view name_space,
                              std::string_view kind,
                              std::string_view name,
                              const std::function<bool(const Grant&)>& visit) const {
  const auto it = by_subject_.find(subject_key(name_space, kind, name));
  if (it == by_subject_.end()) return true;
  for (const Mention& mention : it->second) {
    const Binding& binding = *mention.binding;
    const Grant grant{binding.role, binding.subjects[mention.subject], binding.name,
                      binding.name_space, rules_of(binding)};
    if (!visit(grant)) return false;
  }
  return true;
}

const std::vector<api::PolicyRule>* RbacIndex::rules_of(const Binding& binding) const {
  const bool in_namespace = binding.role.kind == "Role";
  const api::Kind& kind =
      in_namespace ? api::kind_of<api::Role>() : api::kind_of<api::ClusterRole>();
  const auto it = roles_.find(
      store_key(kind, in_namespace ? binding.name_space : std::string(), binding.role.name));
  return it == roles_.end() ? nullptr : it->second.get();
}

void RbacIndex::clear() {
  roles_.clear();
  bindings_.clear();
  by_subject_.clear();
}

void RbacIndex::apply(const api::Kind& kind, const store::Entry& entry) {
  const std::string& key = entry.key;
  if (&kind == &api::kind_of<api::Role>() || &kind == &api::kind_of<api::ClusterRole>()) {
    if (entry.deleted) {
      roles_.erase(key);
    } else if (&kind == &api::kind_of<api::Role>()) {
      auto role = object_of<api::Role>(entry);
      roles_[key] = Rules(role, &role->rules);
    } else {
      auto role = object_of<api::ClusterRole>(entry);
      roles_[key] = Rules(role, &role->rules);
    }
    return;
  }
  drop_binding(key);
  if (entry.deleted) return;
  const auto put = [&](const auto& object) {
    put_binding(key, std::make_shared<const Binding>(Binding{object.metadata.name,
                                                             object.metadata.namespace_,
                                                             object.role_ref, object.subjects}));
  };
  if (&kind == &api::kind_of<api::RoleBinding>())
    put(*object_of<api::RoleBinding>(entry));
  else
    put(*object_of<api::ClusterRoleBinding>(entry));
}

void RbacIndex::put_binding(const std::string& key, std::shared_ptr<const Binding> binding) {
  for (std::size_t i = 0; i < binding->subjects.size(); ++i)
    by_subject_[subject_key(binding->name_space, binding->subjects[i])].push_back({binding, i});
  bindings_.emplace(key, std::move(binding));
}

void RbacIndex::drop_binding(const std::string& key) {
  const auto it = bindings_.find(key);
  if (it == bindings_.end()) return;
  for (const api::Subject& subject : it->second->subjects) {
    const auto found = by_subject_.find(subject_key(it->second->name_space, subject));
    // A subject that is mentioned twice has lost both mentions with the first.
    if (found == by_subject_.end()) continue;
    std::erase_if(found->second, [&](const Mention& m) { return m.binding == it->second; });
    if (found->second.empty()) by_subject_.erase(found);
  }
  bindings_.erase(it);
}

}  // namespace insula::apiserver
