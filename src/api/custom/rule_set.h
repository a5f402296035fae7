#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "api/custom/schema_node.h"
#include "api/custom/value_check.h"
#include "json/value.h"

namespace insula::api {

/// The rules of a schema, x-kubernetes-validations, compiled.
///
/// Lifetime: the schema outlives it. Threads: deeply const.
/// Spec: Kubernetes, "Validation rules", "Transition rules", "Resource use by validation
/// functions".
class RuleSet {
 public:
  /// Leaves out rules that check_rules() (rule_check.h) would refuse.
  explicit RuleSet(const SchemaNode& root);
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;
  ~RuleSet();

  [[nodiscard]] bool empty() const { return carriers_.empty(); }

  /// Checks an object with its apiVersion, kind and metadata. `old`, which may be null, is what it
  /// was: rules about changes are only asked then, and other rules only of what changes.
  /// Cost: bounded by a budget for the object and one for each rule.
  void check(const json::Value& object, const json::Value* old, ValueErrors& errors) const;

 private:
  struct Compiled;
  class Run;

  /// Whether the node or one below it has rules.
  bool compile(const SchemaNode& node, bool is_root);

  const SchemaNode& root_;
  std::map<const SchemaNode*, std::vector<std::unique_ptr<const Compiled>>> rules_;
  std::set<const SchemaNode*> carriers_;
};

}  // namespace insula::api
