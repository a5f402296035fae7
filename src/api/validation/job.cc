#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "api/validation/batch.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

constexpr std::size_t kRulesMax = 20;
constexpr std::size_t kExitCodesMax = 255;
constexpr std::size_t kManagerMax = 63;
constexpr std::size_t kIndexTextMax = 64 << 10;
constexpr std::int32_t kIndexedMax = 100'000;     // pods at once and failed indexes
constexpr std::int32_t kManyIndexedMax = 10'000;  // the same, of a Job with more completions
constexpr std::string_view kNeedsIndexed = "requires indexed completion mode";

bool is_indexed(const JobSpec& spec) {
  return spec.completion_mode == "Indexed";
}

/// Numbers as a message shows a list of them.
ShownValue shown_numbers(const std::vector<std::int32_t>& values) {
  return ShownValue::json(values.empty() ? "null" : fmt::format("[{}]", fmt::join(values, ",")));
}

void validate_numbers(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto check = [&](const auto& value, std::string_view field) {
    if (value) not_negative(*value, path.child(field), errors);
  };
  check(spec.parallelism, "parallelism");
  check(spec.completions, "completions");
  check(spec.active_deadline_seconds, "activeDeadlineSeconds");
  check(spec.backoff_limit, "backoffLimit");
  check(spec.ttl_seconds_after_finished, "ttlSecondsAfterFinished");
  check(spec.backoff_limit_per_index, "backoffLimitPerIndex");
  check(spec.max_failed_indexes, "maxFailedIndexes");
  if (spec.max_failed_indexes && !spec.backoff_limit_per_index)
    errors.required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
}

void validate_manager(const std::string& manager, const FieldPath& path, FieldErrors& errors) {
  validate_domain_path(manager, path, errors);
  if (manager.size() > kManagerMax) errors.too_long(path, kManagerMax);
}

void validate_many_indexes(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const std::string bound = fmt::format(
      "must be less than or equal to {} when completions are above {} and used with "
      "backoff limit per index",
      kManyIndexedMax, kIndexedMax);
  if (!spec.max_failed_indexes) {
    errors.required(path.child("maxFailedIndexes"),
                    fmt::format("must be specified when completions is above {}", kIndexedMax));
  } else if (*spec.max_failed_indexes > kManyIndexedMax) {
    errors.invalid(path.child("maxFailedIndexes"), *spec.max_failed_indexes, bound);
  }
  if (spec.parallelism.value_or(0) > kManyIndexedMax)
    errors.invalid(path.child("parallelism"), *spec.parallelism, bound);
}

void validate_indexed(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (!spec.completions)
    errors.required(path.child("completions"), "when completion mode is Indexed");
  if (spec.parallelism.value_or(0) > kIndexedMax) {
    errors.invalid(path.child("parallelism"), *spec.parallelism,
                   fmt::format("must be less than or equal to {} when completion mode is Indexed",
                               kIndexedMax));
  }
  const FieldPath failed = path.child("maxFailedIndexes");
  if (spec.completions && spec.max_failed_indexes.value_or(0) > *spec.completions) {
    errors.invalid(failed, *spec.max_failed_indexes, "must be less than or equal to completions");
  }
  if (spec.max_failed_indexes.value_or(0) > kIndexedMax) {
    errors.invalid(failed, *spec.max_failed_indexes,
                   fmt::format("must be less than or equal to {}", kIndexedMax));
  }
  if (spec.completions.value_or(0) > kIndexedMax && spec.backoff_limit_per_index)
    validate_many_indexes(spec, path, errors);
}

void validate_mode(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const std::string mode = spec.completion_mode.value_or("NonIndexed");
  if (mode != "NonIndexed" && mode != "Indexed")
    errors.not_supported(path.child("completionMode"), mode, {"NonIndexed", "Indexed"});
  if (mode == "Indexed") {
    validate_indexed(spec, path, errors);
  } else if (mode == "NonIndexed") {
    if (spec.backoff_limit_per_index) {
      errors.invalid(path.child("backoffLimitPerIndex"), *spec.backoff_limit_per_index,
                     kNeedsIndexed);
    }
    if (spec.max_failed_indexes)
      errors.invalid(path.child("maxFailedIndexes"), *spec.max_failed_indexes, kNeedsIndexed);
  }
}

void validate_exit_codes(const PodFailurePolicyOnExitCodesRequirement& rule,
                         const std::set<std::string_view>& containers,
                         const FieldPath& path,
                         FieldErrors& errors) {
  const FieldPath at = path.child("operator");
  if (rule.operator_.empty()) {
    errors.required(at, "valid values: [\"In\" \"NotIn\"]");
  } else if (rule.operator_ != "In" && rule.operator_ != "NotIn") {
    errors.not_supported(at, rule.operator_, {"In", "NotIn"});
  }
  if (rule.container_name && !containers.contains(*rule.container_name)) {
    errors.invalid(path.child("containerName"), *rule.container_name,
                   "must be one of the container or initContainer names in the pod template");
  }
  const FieldPath values = path.child("values");
  if (rule.values.empty()) {
    errors.invalid(values, shown_numbers(rule.values), "at least one value is required");
  } else if (rule.values.size() > kExitCodesMax) {
    errors.too_many(values, rule.values.size(), kExitCodesMax);
  }
  std::set<std::int32_t> seen;
  for (std::size_t i = 0; i < rule.values.size(); ++i) {
    const std::int32_t value = rule.values[i];
    if (rule.operator_ == "In" && value == 0)
      errors.invalid(values.index(i), value, "must not be 0 for the In operator");
    if (!seen.insert(value).second) errors.duplicate(values.index(i), value);
  }
  if (!std::ranges::is_sorted(rule.values))
    errors.invalid(values, shown_numbers(rule.values), "must be ordered");
}

void validate_conditions(const std::vector<PodFailurePolicyOnPodConditionsPattern>& patterns,
                         const FieldPath& path,
                         FieldErrors& errors) {
  if (patterns.size() > kRulesMax) errors.too_many(path, patterns.size(), kRulesMax);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto& [type, status] = patterns[i];
    const FieldPath at = path.index(i);
    errors.invalid_each(at.child("type"), type, check_qualified_name(type));
    if (status.empty()) {
      errors.required(at.child("status"), "valid values: [\"False\" \"True\" \"Unknown\"]");
    } else if (status != "False" && status != "True" && status != "Unknown") {
      errors.not_supported(at.child("status"), status, {"False", "True", "Unknown"});
    }
  }
}

void validate_rule(const PodFailurePolicyRule& rule,
                   const JobSpec& spec,
                   const FieldPath& path,
                   FieldErrors& errors) {
  const FieldPath at = path.child("action");
  const std::string& action = rule.action;
  if (action.empty()) {
    errors.required(at, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
  } else if (action == "FailIndex") {
    if (!spec.backoff_limit_per_index)
      errors.invalid(at, action, "requires the backoffLimitPerIndex to be set");
  } else if (action != "Count" && action != "FailJob" && action != "Ignore") {
    errors.not_supported(at, action, {"Count", "FailIndex", "FailJob", "Ignore"});
  }
  std::set<std::string_view> containers;
  for (const auto* list : {&spec.template_.spec.init_containers, &spec.template_.spec.containers}) {
    for (const Container& container : *list)
      containers.insert(container.name);
  }
  if (rule.on_exit_codes)
    validate_exit_codes(*rule.on_exit_codes, containers, path.child("onExitCodes"), errors);
  validate_conditions(rule.on_pod_conditions, path.child("onPodConditions"), errors);
  if (rule.on_exit_codes && !rule.on_pod_conditions.empty()) {
    errors.invalid(path, "specifying both OnExitCodes and OnPodConditions is not supported");
  } else if (!rule.on_exit_codes && rule.on_pod_conditions.empty()) {
    errors.invalid(path, "specifying one of OnExitCodes and OnPodConditions is required");
  }
}

void validate_failure_policy(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto& rules = spec.pod_failure_policy->rules;
  if (rules.size() > kRulesMax) errors.too_many(path.child("rules"), rules.size(), kRulesMax);
  for (std::size_t i = 0; i < rules.size(); ++i)
    validate_rule(rules[i], spec, path.child("rules").index(i), errors);
}

void validate_rule(const SuccessPolicyRule& rule,
                   std::int32_t completions,
                   const FieldPath& path,
                   FieldErrors& errors) {
  if (!rule.succeeded_count && !rule.succeeded_indexes) {
    errors.required(path, "at least one of succeededCount or succeededIndexes must be specified");
  }
  std::int32_t indexes = 0;
  if (rule.succeeded_indexes) {
    const FieldPath at = path.child("succeededIndexes");
    if (rule.succeeded_indexes->size() > kIndexTextMax) errors.too_long(at, kIndexTextMax);
    const IndexSet read = read_indexes(*rule.succeeded_indexes, completions);
    indexes = read.count;
    if (!read.complaint.empty()) {
      errors.invalid(at, *rule.succeeded_indexes,
                     "error parsing succeededIndexes: " + read.complaint);
    }
  }
  if (!rule.succeeded_count) return;
  const FieldPath at = path.child("succeededCount");
  not_negative(*rule.succeeded_count, at, errors);
  if (*rule.succeeded_count > completions) {
    errors.invalid(at, *rule.succeeded_count,
                   fmt::format("must be less than or equal to {} (the number of specified "
                               "completions)",
                               completions));
  }
  if (rule.succeeded_indexes && *rule.succeeded_count > indexes) {
    errors.invalid(at, *rule.succeeded_count,
                   fmt::format("must be less than or equal to {} (the number of indexes in the "
                               "specified succeededIndexes field)",
                               indexes));
  }
}

void validate_success_policy(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (!is_indexed(spec)) {
    errors.invalid(path, shown(*spec.success_policy), kNeedsIndexed);
    return;
  }
  const auto& rules = spec.success_policy->rules;
  const FieldPath at = path.child("rules");
  if (rules.empty()) {
    errors.required(at, "at least one rules must be specified when the successPolicy is specified");
  }
  if (rules.size() > kRulesMax) errors.too_many(at, rules.size(), kRulesMax);
  for (std::size_t i = 0; i < rules.size(); ++i)
    validate_rule(rules[i], spec.completions.value_or(0), at.index(i), errors);
}

void validate_replacement(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (!spec.pod_replacement_policy) return;
  const std::string& policy = *spec.pod_replacement_policy;
  if (spec.pod_failure_policy) {
    if (policy != "Failed") errors.not_supported(path, policy, {"Failed"});
  } else if (policy != "Failed" && policy != "TerminatingOrFailed") {
    errors.not_supported(path, policy, {"Failed", "TerminatingOrFailed"});
  }
}

/// The labels by which the server tells the pods of one Job from those of others.
void validate_generated(const Job& object, FieldErrors& errors) {
  if (object.spec.manual_selector.value_or(false) || !object.spec.selector) return;
  const std::pair<std::string, std::string> expected[] = {
      {"controller-uid", object.metadata.uid},
      {"job-name", object.metadata.name},
      {"batch.kubernetes.io/controller-uid", object.metadata.uid},
      {"batch.kubernetes.io/job-name", object.metadata.name},
  };
  const FieldPath path("spec.template.metadata.labels");
  const auto& labels = object.spec.template_.metadata.labels;
  for (const auto& [key, value] : expected) {
    const auto found = labels.find(key);
    if (found == labels.end()) {
      errors.required(path.key(key), fmt::format("must be '{}'", value));
    } else if (found->second != value) {
      errors.invalid(path.key(key), shown_map(labels), fmt::format("must be '{}'", value));
    }
  }
  if (!matches(*object.spec.selector, {std::begin(expected), std::end(expected)})) {
    errors.invalid(FieldPath("spec.selector"), shown(*object.spec.selector),
                   "`selector` not auto-generated");
  }
}

/// A template may change only where pods are placed, and only before the first of them was made.
PodTemplateSpec with_placement_of(PodTemplateSpec pods, const PodTemplateSpec& other) {
  pods.metadata.labels = other.metadata.labels;
  pods.metadata.annotations = other.metadata.annotations;
  pods.spec.node_selector = other.spec.node_selector;
  pods.spec.tolerations = other.spec.tolerations;
  pods.spec.scheduling_gates = other.spec.scheduling_gates;
  const bool has_affinity = pods.spec.affinity.has_value() || other.spec.affinity.has_value();
  if (!has_affinity) return pods;
  Affinity& affinity = pods.spec.affinity.ensure();
  if (other.spec.affinity) {
    affinity.node_affinity = other.spec.affinity->node_affinity;
  } else {
    affinity.node_affinity.reset();
  }
  if (affinity == Affinity{} && !other.spec.affinity) pods.spec.affinity.reset();
  return pods;
}

void validate_template_update(const Job& object, const Job& old, FieldErrors& errors) {
  const bool waits = old.spec.suspend.value_or(false) && !old.status.start_time;
  const PodTemplateSpec before =
      waits ? with_placement_of(old.spec.template_, object.spec.template_) : old.spec.template_;
  if (object.spec.template_ == before) return;
  errors.invalid(FieldPath("spec.template"), shown(object.spec.template_), kFieldImmutable);
}

template <class T>
void fixed(const Box<T>& now, const Box<T>& old, std::string_view field, FieldErrors& errors) {
  if (now == old) return;
  errors.invalid(FieldPath("spec").child(field), now ? shown(*now) : ShownValue::json("null"),
                 kFieldImmutable);
}

template <class T>
void fixed(const std::optional<T>& now,
           const std::optional<T>& old,
           std::string_view field,
           FieldErrors& errors) {
  if (now == old) return;
  errors.invalid(FieldPath("spec").child(field), now ? ShownValue(*now) : ShownValue::json("null"),
                 kFieldImmutable);
}

void validate_completions_update(const JobSpec& spec, const JobSpec& old, FieldErrors& errors) {
  if (!is_indexed(spec)) {
    fixed(spec.completions, old.completions, "completions", errors);
  } else if (spec.completions && spec.completions != old.completions &&
             spec.completions != spec.parallelism) {
    errors.invalid(FieldPath("spec.completions"), *spec.completions,
                   "can only be modified in tandem with spec.parallelism");
  }
}

}  // namespace

IndexSet read_indexes(std::string_view text, std::int32_t completions) {
  IndexSet out;
  if (text.empty()) return out;
  const auto number = [&](std::string_view part) -> std::optional<std::int32_t> {
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size()) {
      out.complaint = fmt::format("cannot convert string to integer for index: \"{}\"", part);
    } else if (value >= completions) {
      out.complaint = fmt::format("too large index: \"{}\"", part);
    } else {
      return value;
    }
    return std::nullopt;
  };
  const auto falling = [&](std::int32_t before, std::int32_t now) {
    out.complaint = fmt::format("non-increasing order, previous: {}, current: {}", before, now);
  };
  std::optional<std::int32_t> last;
  while (out.complaint.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t hyphen = part.find('-');
    if (std::ranges::count(part, '-') > 1) {
      out.complaint = fmt::format(
          "the fragment \"{}\" violates the requirement that an index interval can "
          "have at most two parts separated by '-'",
          part);
      break;
    }
    const auto begin = number(part.substr(0, hyphen));
    if (!begin) break;
    const auto end = hyphen == std::string_view::npos ? begin : number(part.substr(hyphen + 1));
    if (!end) break;
    if (hyphen != std::string_view::npos && *begin >= *end) {
      falling(*begin, *end);
    } else if (last && *last >= *begin) {
      falling(*last, *begin);
    }
    out.count += *end - *begin + 1;
    last = end;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (!out.complaint.empty()) out.count = 0;
  return out;
}

void validate_job_spec(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  validate_numbers(spec, path, errors);
  if (spec.managed_by) validate_manager(*spec.managed_by, path.child("managedBy"), errors);
  validate_mode(spec, path, errors);
  if (spec.pod_failure_policy)
    validate_failure_policy(spec, path.child("podFailurePolicy"), errors);
  if (spec.success_policy) validate_success_policy(spec, path.child("successPolicy"), errors);
  validate_replacement(spec, path.child("podReplacementPolicy"), errors);
  const FieldPath pods = path.child("template");
  validate_pod_template(spec.template_, pods, errors);
  const std::string& policy = spec.template_.spec.restart_policy;
  const FieldPath restart = pods.child("spec").child("restartPolicy");
  // The default of pods is not one that a Job can have, so most who meet this have written nothing.
  if (policy.empty() || policy == "Always") {
    errors.required(restart, "valid values: \"OnFailure\", \"Never\"");
  } else if (policy != "OnFailure" && policy != "Never") {
    errors.not_supported(restart, policy, {"OnFailure", "Never"});
  } else if (spec.pod_failure_policy && policy != "Never") {
    errors.invalid(restart, policy,
                   "only \"Never\" is supported when podFailurePolicy is specified");
  }
}

void validate(const Job& object, FieldErrors& errors) {
  validate_generated(object, errors);
  const JobSpec& spec = object.spec;
  validate_job_spec(spec, FieldPath("spec"), errors);
  if (!spec.selector) {
    errors.required(FieldPath("spec.selector"));
  } else {
    validate_label_selector(*spec.selector, FieldPath("spec.selector"), errors);
    if (!matches(*spec.selector, spec.template_.metadata.labels)) {
      errors.invalid(FieldPath("spec.template.metadata.labels"),
                     shown_map(spec.template_.metadata.labels),
                     "`selector` does not match template `labels`");
    }
  }
  if (is_indexed(spec) && spec.completions.value_or(0) > 0) {
    // The pods' host names are the Job's with the index behind it.
    const std::string last = fmt::format("{}-{}", object.metadata.name, *spec.completions - 1);
    if (!check_dns1123_label(last).empty()) {
      errors.invalid(FieldPath("metadata.name"), object.metadata.name,
                     "will not able to create pod with invalid DNS label: " + last);
    }
  }
}

void validate_update(const Job& object,
                     const Job& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") {
    validate_job_status(object, old, errors);
    return;
  }
  validate_completions_update(object.spec, old.spec, errors);
  fixed(object.spec.selector, old.spec.selector, "selector", errors);
  validate_template_update(object, old, errors);
  fixed(object.spec.completion_mode, old.spec.completion_mode, "completionMode", errors);
  fixed(object.spec.pod_failure_policy, old.spec.pod_failure_policy, "podFailurePolicy", errors);
  fixed(object.spec.backoff_limit_per_index, old.spec.backoff_limit_per_index,
        "backoffLimitPerIndex", errors);
  fixed(object.spec.managed_by, old.spec.managed_by, "managedBy", errors);
  fixed(object.spec.success_policy, old.spec.success_policy, "successPolicy", errors);
}

}  // namespace insula::api
