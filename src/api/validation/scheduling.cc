#include <set>

#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"

namespace insula::api {

namespace {

constexpr std::string_view kWeightRange = "must be in the range 1-100";

void validate_rule(const NodeSelectorRequirement& rule,
                   const FieldPath& path,
                   FieldErrors& errors) {
  const std::string& op = rule.operator_;
  if (op == "In" || op == "NotIn") {
    if (rule.values.empty()) {
      errors.required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
    }
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (!rule.values.empty()) {
      errors.forbidden(path.child("values"),
                       "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
  } else if (op == "Gt" || op == "Lt") {
    if (rule.values.size() != 1) {
      errors.required(path.child("values"),
                      "must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
  } else {
    errors.invalid(path.child("operator"), op, "not a valid selector operator");
  }
  errors.invalid_each(path.child("key"), rule.key, check_qualified_name(rule.key));
  for (std::size_t i = 0; i < rule.values.size(); ++i) {
    errors.invalid_each(path.child("values").index(i), rule.values[i],
                        check_label_value(rule.values[i]));
  }
}

void validate_field_rule(const NodeSelectorRequirement& rule,
                         const FieldPath& path,
                         FieldErrors& errors) {
  if (rule.operator_ != "In" && rule.operator_ != "NotIn") {
    errors.invalid(path.child("operator"), rule.operator_, "not a valid selector operator");
  } else if (rule.values.size() != 1) {
    errors.required(
        path.child("values"),
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
  }
  if (rule.key != "metadata.name") {
    errors.invalid(path.child("key"), rule.key, "not a valid field selector key");
    return;
  }
  for (std::size_t i = 0; i < rule.values.size(); ++i) {
    errors.invalid_each(path.child("values").index(i), rule.values[i],
                        check_dns1123_subdomain(rule.values[i]));
  }
}

void validate_term(const NodeSelectorTerm& term, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < term.match_expressions.size(); ++i) {
    validate_rule(term.match_expressions[i], path.child("matchExpressions").index(i), errors);
  }
  for (std::size_t i = 0; i < term.match_fields.size(); ++i) {
    validate_field_rule(term.match_fields[i], path.child("matchFields").index(i), errors);
  }
}

void validate_node_affinity(const NodeAffinity& affinity,
                            const FieldPath& path,
                            FieldErrors& errors) {
  if (affinity.required_during_scheduling_ignored_during_execution) {
    validate_node_selector(*affinity.required_during_scheduling_ignored_during_execution,
                           path.child("requiredDuringSchedulingIgnoredDuringExecution"), errors);
  }
  const FieldPath at = path.child("preferredDuringSchedulingIgnoredDuringExecution");
  const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution;
  for (std::size_t i = 0; i < preferred.size(); ++i) {
    if (preferred[i].weight < 1 || preferred[i].weight > 100) {
      errors.invalid(at.index(i).child("weight"), preferred[i].weight, kWeightRange);
    }
    validate_term(preferred[i].preference, at.index(i).child("preference"), errors);
  }
}

void validate_term(const PodAffinityTerm& term, const FieldPath& path, FieldErrors& errors) {
  if (term.label_selector)
    validate_label_selector(*term.label_selector, path.child("labelSelector"), errors);
  if (term.namespace_selector) {
    validate_label_selector(*term.namespace_selector, path.child("namespaceSelector"), errors);
  }
  for (const std::string& name : term.namespaces) {
    errors.invalid_each(path.child("namespace"), name, check_dns1123_label(name));
  }
  if (term.topology_key.empty()) {
    errors.required(path.child("topologyKey"), "can not be empty");
  } else {
    errors.invalid_each(path.child("topologyKey"), term.topology_key,
                        check_qualified_name(term.topology_key));
  }
}

/// For PodAffinity and PodAntiAffinity, which have the same members.
template <class Affinity>
void validate_pod_affinity(const Affinity& affinity, const FieldPath& path, FieldErrors& errors) {
  const auto& required = affinity.required_during_scheduling_ignored_during_execution;
  const FieldPath required_path = path.child("requiredDuringSchedulingIgnoredDuringExecution");
  for (std::size_t i = 0; i < required.size(); ++i)
    validate_term(required[i], required_path.index(i), errors);
  const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution;
  const FieldPath at = path.child("preferredDuringSchedulingIgnoredDuringExecution");
  for (std::size_t i = 0; i < preferred.size(); ++i) {
    if (preferred[i].weight < 1 || preferred[i].weight > 100) {
      errors.invalid(at.index(i).child("weight"), preferred[i].weight, kWeightRange);
    }
    validate_term(preferred[i].pod_affinity_term, at.index(i).child("podAffinityTerm"), errors);
  }
}

void validate_toleration(const Toleration& toleration, const FieldPath& path, FieldErrors& errors) {
  if (!toleration.key.empty()) {
    errors.invalid_each(path.child("key"), toleration.key, check_qualified_name(toleration.key));
  } else if (toleration.operator_ != "Exists") {
    errors.invalid(path.child("operator"), toleration.operator_,
                   "operator must be Exists when `key` is empty, which means \"match all values "
                   "and all keys\"");
  }
  if (toleration.toleration_seconds && toleration.effect != "NoExecute") {
    errors.invalid(path.child("effect"), toleration.effect,
                   "effect must be 'NoExecute' when `tolerationSeconds` is set");
  }
  if (toleration.operator_.empty() || toleration.operator_ == "Equal") {
    if (const Complaints complaints = check_label_value(toleration.value); !complaints.empty()) {
      errors.invalid(path.child("operator"), toleration.value,
                     fmt::format("{}", fmt::join(complaints, ";")));
    }
  } else if (toleration.operator_ == "Exists") {
    if (!toleration.value.empty()) {
      errors.invalid(path.child("operator"), toleration.value,
                     "value must be empty when `operator` is 'Exists'");
    }
  } else {
    errors.not_supported(path.child("operator"), toleration.operator_, {"Equal", "Exists"});
  }
  if (!toleration.effect.empty())
    validate_taint_effect(toleration.effect, path.child("effect"), errors);
}

void validate_spread(const std::vector<TopologySpreadConstraint>& constraints,
                     const FieldPath& path,
                     FieldErrors& errors) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < constraints.size(); ++i) {
    const TopologySpreadConstraint& rule = constraints[i];
    const FieldPath at = path.index(i);
    if (rule.max_skew <= 0)
      errors.invalid(at.child("maxSkew"), rule.max_skew, "must be greater than zero");
    if (rule.topology_key.empty()) errors.required(at.child("topologyKey"), "can not be empty");
    if (rule.when_unsatisfiable != "DoNotSchedule" && rule.when_unsatisfiable != "ScheduleAnyway") {
      errors.not_supported(at.child("whenUnsatisfiable"), rule.when_unsatisfiable,
                           {"DoNotSchedule", "ScheduleAnyway"});
    }
    std::string key = fmt::format("{{{}, {}}}", rule.topology_key, rule.when_unsatisfiable);
    if (!seen.insert(key).second)
      errors.duplicate(at.child("{topologyKey, whenUnsatisfiable}"), key);
    if (rule.min_domains) {
      if (*rule.min_domains <= 0) {
        errors.invalid(at.child("minDomains"), *rule.min_domains, "must be greater than zero");
      } else if (rule.when_unsatisfiable != "DoNotSchedule") {
        errors.invalid(
            at.child("minDomains"), *rule.min_domains,
            fmt::format("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
                        rule.when_unsatisfiable));
      }
    }
    if (rule.label_selector)
      validate_label_selector(*rule.label_selector, at.child("labelSelector"), errors);
    const auto inclusion = [&](const std::optional<std::string>& policy, std::string_view field) {
      if (policy && *policy != "Honor" && *policy != "Ignore") {
        errors.not_supported(at.child(field), *policy, {"Honor", "Ignore"});
      }
    };
    inclusion(rule.node_affinity_policy, "nodeAffinityPolicy");
    inclusion(rule.node_taints_policy, "nodeTaintsPolicy");
  }
}

}  // namespace

void validate_node_selector(const NodeSelector& selector,
                            const FieldPath& path,
                            FieldErrors& errors) {
  const FieldPath at = path.child("nodeSelectorTerms");
  const std::vector<NodeSelectorTerm>& terms = selector.node_selector_terms;
  if (terms.empty()) errors.required(at, "must have at least one node selector term");
  for (std::size_t i = 0; i < terms.size(); ++i)
    validate_term(terms[i], at.index(i), errors);
}

void validate_tolerations(const std::vector<Toleration>& tolerations,
                          const FieldPath& path,
                          FieldErrors& errors) {
  for (std::size_t i = 0; i < tolerations.size(); ++i)
    validate_toleration(tolerations[i], path.index(i), errors);
}

void validate_taint_effect(const std::string& effect, const FieldPath& path, FieldErrors& errors) {
  if (effect != "NoSchedule" && effect != "PreferNoSchedule" && effect != "NoExecute") {
    errors.not_supported(path, effect, {"NoSchedule", "PreferNoSchedule", "NoExecute"});
  }
}

void validate_scheduling(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  validate_labels(spec.node_selector, path.child("nodeSelector"), errors);
  if (spec.affinity) {
    const FieldPath at = path.child("affinity");
    if (spec.affinity->node_affinity) {
      validate_node_affinity(*spec.affinity->node_affinity, at.child("nodeAffinity"), errors);
    }
    if (spec.affinity->pod_affinity) {
      validate_pod_affinity(*spec.affinity->pod_affinity, at.child("podAffinity"), errors);
    }
    if (spec.affinity->pod_anti_affinity) {
      validate_pod_affinity(*spec.affinity->pod_anti_affinity, at.child("podAntiAffinity"), errors);
    }
  }
  validate_tolerations(spec.tolerations, path.child("tolerations"), errors);
  validate_spread(spec.topology_spread_constraints, path.child("topologySpreadConstraints"),
                  errors);
  std::set<std::string_view> gates;
  for (std::size_t i = 0; i < spec.scheduling_gates.size(); ++i) {
    const std::string& name = spec.scheduling_gates[i].name;
    const FieldPath at = path.child("schedulingGates").index(i);
    errors.invalid_each(at.child("name"), name, check_qualified_name(name));
    if (!gates.insert(name).second) errors.duplicate(at, name);
  }
}

}  // namespace insula::api
