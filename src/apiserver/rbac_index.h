#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/gen/rbac_v1.h"
#include "apiserver/store_mirror.h"
#include "apiserver/user.h"
#include "store/store.h"

namespace insula::apiserver {

/// A binding as one of its subjects meets it.
struct Grant {
  const api::RoleRef& role;
  const api::Subject& subject;
  std::string_view name;        // of the binding
  std::string_view name_space;  // of the binding; empty for a ClusterRoleBinding
  /// What the role allows; null when there is no such role.
  const std::vector<api::PolicyRule>* rules;
};

/// Who has been given what: bindings by subject, and the roles that they name.
///
/// Mirrors the stored objects of rbac.authorization.k8s.io: a right holds from the moment that the
/// write which gives it is visible, and ends so, too.
///
/// Cost: a lookup touches only the bindings of the user and its groups, whatever is stored beside
/// them. Lifetime: the store outlives it. Threads: the store's loop.
class RbacIndex final : private StoreMirror::Index {
 public:
  explicit RbacIndex(store::Store& store);

  /// Calls `visit` with each grant that holds in the namespace, those of the whole cluster first,
  /// until it returns false. Without a namespace: with those of the whole cluster.
  void visit(const User& user,
             std::string_view name_space,
             const std::function<bool(const Grant&)>& visit);

 private:
  /// A RoleBinding or ClusterRoleBinding.
  struct Binding {
    std::string name;
    std::string name_space;
    api::RoleRef role;
    std::vector<api::Subject> subjects;
  };

  struct Mention {
    std::shared_ptr<const Binding> binding;
    std::size_t subject;
  };

  using Rules = std::shared_ptr<const std::vector<api::PolicyRule>>;

  void clear() override;
  void apply(const api::Kind& kind, const store::Entry& entry) override;
  void put_binding(const std::string& key, std::shared_ptr<const Binding> binding);
  void drop_binding(const std::string& key);
  [[nodiscard]] const std::vector<api::PolicyRule>* rules_of(const Binding& binding) const;
  bool visit_subject(std::string_view name_space,
                     std::string_view kind,
                     std::string_view name,
                     const std::function<bool(const Grant&)>& visit) const;

  StoreMirror mirror_;
  std::unordered_map<std::string, Rules> roles_;                              // by store key
  std::unordered_map<std::string, std::shared_ptr<const Binding>> bindings_;  // by store key
  std::unordered_map<std::string, std::vector<Mention>> by_subject_;
};

}  // namespace insula::apiserver
