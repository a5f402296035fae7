#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/field_errors.h"
#include "api/kind.h"
#include "apiserver/object.h"
#include "apiserver/store_mirror.h"
#include "store/store.h"

namespace insula::apiserver {

/// The policies of one sort that are in force, in the order of their names, and their bindings.
/// `Compiled` is what is kept of a policy (compiled_policy.h).
///
/// Mirrors the stored objects; an expression is compiled once for each change of its policy.
/// Lifetime: the store outlives it. Threads: the store's loop.
template <class Compiled>
class PolicyIndex final : private StoreMirror::Index {
 public:
  using Object = typename Compiled::Object;
  using Binding = typename Compiled::Binding;
  using Bindings = std::map<std::string, std::shared_ptr<const Binding>>;  // by store key

  struct Policy {
    std::shared_ptr<const Compiled> compiled;
    const Bindings* bindings = nullptr;
  };

  explicit PolicyIndex(store::Store& store)
      : mirror_(store, {&api::kind_of<Object>(), &api::kind_of<Binding>()}, *this) {}

  /// Those with at least one binding. Valid until the next call.
  [[nodiscard]] const std::vector<Policy>& in_force() {
    if (!mirror_.refresh()) return in_force_;
    in_force_.clear();
    for (const auto& [name, compiled] : policies_) {
      const auto bindings = bindings_.find(name);
      if (bindings != bindings_.end()) in_force_.push_back({compiled, &bindings->second});
    }
    return in_force_;
  }

 private:
  void clear() override {
    policies_.clear();
    bindings_.clear();
    policy_of_binding_.clear();
  }

  void apply(const api::Kind& kind, const store::Entry& entry) override {
    if (&kind == &api::kind_of<Object>()) {
      apply_policy(entry);
    } else {
      apply_binding(entry);
    }
  }

  void apply_policy(const store::Entry& entry) {
    auto policy = object_of<Object>(entry);
    const std::string name = policy->metadata.name;
    policies_.erase(name);
    if (entry.deleted) return;
    // They were compiled when the policy was written. One that this version of the server does not
    // know any more fails when it is evaluated.
    api::FieldErrors errors;
    policies_.emplace(
        name, std::make_shared<const Compiled>(Compiled::compile(std::move(policy), errors)));
  }

  void apply_binding(const store::Entry& entry) {
    if (const auto known = policy_of_binding_.find(entry.key); known != policy_of_binding_.end()) {
      const auto bindings = bindings_.find(known->second);
      bindings->second.erase(entry.key);
      if (bindings->second.empty()) bindings_.erase(bindings);
      policy_of_binding_.erase(known);
    }
    if (entry.deleted) return;
    auto binding = object_of<Binding>(entry);
    const std::string policy = binding->spec.policy_name;
    policy_of_binding_.emplace(entry.key, policy);
    bindings_[policy].emplace(entry.key, std::move(binding));
  }

  StoreMirror mirror_;
  std::map<std::string, std::shared_ptr<const Compiled>> policies_;  // by name
  std::map<std::string, Bindings> bindings_;                         // by the policy's name
  std::map<std::string, std::string> policy_of_binding_;             // by store key
  std::vector<Policy> in_force_;
};

}  // namespace insula::apiserver
