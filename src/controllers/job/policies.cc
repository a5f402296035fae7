#include "controllers/job/policies.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::controllers {

namespace {

using Action = FailureVerdict::Action;

Action action_of(std::string_view text) {
  if (text == "Ignore") return Action::kIgnore;
  if (text == "FailIndex") return Action::kFailIndex;
  return text == "FailJob" ? Action::kFailJob : Action::kCount;
}

/// The first container of a list whose exit code the rule is about.
const api::ContainerStatus* find_exit(const std::vector<api::ContainerStatus>& statuses,
                                      const api::PodFailurePolicyOnExitCodesRequirement& rule) {
  for (const api::ContainerStatus& status : statuses) {
    if (!status.state.terminated || status.state.terminated->exit_code == 0) continue;
    if (rule.container_name && *rule.container_name != status.name) continue;
    const bool listed =
        std::ranges::find(rule.values, status.state.terminated->exit_code) != rule.values.end();
    if (listed == (rule.operator_ == "In")) return &status;
  }
  return nullptr;
}

/// Why the rule matches the pod; none when it does not.
std::optional<std::string> match(const api::PodFailurePolicyRule& rule, const api::Pod& pod) {
  const std::string name = fmt::format("{}/{}", pod.metadata.namespace_, pod.metadata.name);
  if (rule.on_exit_codes) {
    const api::ContainerStatus* found =
        find_exit(pod.status.container_statuses, *rule.on_exit_codes);
    if (found == nullptr)
      found = find_exit(pod.status.init_container_statuses, *rule.on_exit_codes);
    if (found == nullptr) return std::nullopt;
    return fmt::format("Container {} for pod {} failed with exit code {}", found->name, name,
                       found->state.terminated->exit_code);
  }
  for (const api::PodCondition& condition : pod.status.conditions) {
    const bool wanted = std::ranges::any_of(rule.on_pod_conditions, [&](const auto& pattern) {
      return pattern.type == condition.type && pattern.status == condition.status;
    });
    if (wanted) return fmt::format("Pod {} has condition {}", name, condition.type);
  }
  return std::nullopt;
}

std::int32_t count_in(const api::Pod& pod, std::string_view annotation) {
  const auto found = pod.metadata.annotations.find(std::string(annotation));
  if (found == pod.metadata.annotations.end()) return 0;
  return std::max(0, parse_whole<std::int32_t>(found->second).value_or(0));
}

bool is_met(const api::SuccessPolicyRule& rule,
            std::int32_t completions,
            const Indexes& succeeded) {
  if (!rule.succeeded_indexes) {
    return rule.succeeded_count &&
           static_cast<std::int32_t>(succeeded.size()) >= *rule.succeeded_count;
  }
  const Indexes required = parse_indexes(*rule.succeeded_indexes, completions);
  if (required.empty()) return false;
  const auto reached = static_cast<std::int32_t>(std::ranges::count_if(
      required, [&succeeded](std::int32_t index) { return succeeded.contains(index); }));
  return reached >= rule.succeeded_count.value_or(static_cast<std::int32_t>(required.size()));
}

}  // namespace

FailureVerdict judge_failure(const api::JobSpec& spec, const api::Pod& pod) {
  if (!spec.pod_failure_policy) return {};
  const auto& rules = spec.pod_failure_policy->rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::optional<std::string> why = match(rules[i], pod);
    if (!why) continue;
    return {.action = action_of(rules[i].action),
            .message = fmt::format("{} matching {} rule at index {}", *why, rules[i].action, i)};
  }
  return {};
}

std::optional<std::string> met_success_rule(const api::JobSpec& spec, const Indexes& succeeded) {
  if (!spec.success_policy || succeeded.empty()) return std::nullopt;
  const auto& rules = spec.success_policy->rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (is_met(rules[i], spec.completions.value_or(0), succeeded))
      return fmt::format("Matched rules at index {}", i);
  }
  return std::nullopt;
}

IndexFailures failures_before(const api::Pod& pod) {
  return {.counted = count_in(pod, kIndexFailures),
          .ignored = count_in(pod, kIndexIgnoredFailures)};
}

IndexFailures failures_with(const api::JobSpec& spec, const api::Pod& pod) {
  IndexFailures out = failures_before(pod);
  if (judge_failure(spec, pod).action == Action::kIgnore)
    ++out.ignored;
  else
    ++out.counted;
  return out;
}

}  // namespace insula::controllers
