#include "api/defaulting/batch.h"

#include <limits>

#include "api/defaulting/set.h"
#include "api/defaults.h"

namespace insula::api {

namespace {

constexpr std::int32_t kBackoffLimit = 6;
constexpr std::int32_t kSucceededKept = 3;
constexpr std::int32_t kFailedKept = 1;

/// What a Job and the template of one have in common.
void set_template_defaults(JobSpec& spec) {
  if (spec.pod_failure_policy) {
    for (PodFailurePolicyRule& rule : spec.pod_failure_policy->rules) {
      for (PodFailurePolicyOnPodConditionsPattern& pattern : rule.on_pod_conditions)
        set_if_empty(pattern.status, "True");
    }
  }
  set_pod_spec_defaults(spec.template_.spec, RequestsFromLimits::kNo);
}

}  // namespace

void set_defaults(Job& object) {
  JobSpec& spec = object.spec;
  if (!spec.completions && !spec.parallelism) spec.completions = 1;
  set_if_absent(spec.parallelism, 1);
  set_if_absent(spec.backoff_limit, spec.backoff_limit_per_index
                                        ? std::numeric_limits<std::int32_t>::max()
                                        : kBackoffLimit);
  set_if_absent(spec.completion_mode, "NonIndexed");
  set_if_absent(spec.suspend, false);
  set_if_absent(spec.pod_replacement_policy,
                spec.pod_failure_policy ? "Failed" : "TerminatingOrFailed");
  set_if_absent(spec.manual_selector, false);
  set_template_defaults(spec);
}

void set_defaults(CronJob& object) {
  CronJobSpec& spec = object.spec;
  set_if_empty(spec.concurrency_policy, "Allow");
  set_if_absent(spec.suspend, false);
  set_if_absent(spec.successful_jobs_history_limit, kSucceededKept);
  set_if_absent(spec.failed_jobs_history_limit, kFailedKept);
  set_template_defaults(spec.job_template.spec);
}

}  // namespace insula::api
