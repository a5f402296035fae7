#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/batch_v1.h"

/// The rules of Jobs and CronJobs, as kinds.h has those of other kinds.
/// Spec: Kubernetes 1.36, pkg/apis/batch/validation (behaviour and texts).
namespace insula::api {

void validate(const Job& object, FieldErrors& errors);
void validate_update(const Job& object,
                     const Job& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const CronJob& object, FieldErrors& errors);
void validate_create(const CronJob& object, FieldErrors& errors);

/// What a Job and the template of one have in common: all but the selector.
void validate_job_spec(const JobSpec& spec, const FieldPath& path, FieldErrors& errors);

/// What only its controller writes; `old` is what it said before.
void validate_job_status(const Job& object, const Job& old, FieldErrors& errors);

[[nodiscard]] bool has_true_condition(const JobStatus& status, std::string_view type);

/// Indexes of pods as text, `1,3-5`, rising and below `completions`.
struct IndexSet {
  std::int32_t count = 0;
  std::string complaint;  // empty when the text is right
};

[[nodiscard]] IndexSet read_indexes(std::string_view text, std::int32_t completions);

/// What is wrong with the schedule of a CronJob (cron_schedule.h).
[[nodiscard]] std::vector<std::string> check_cron_schedule(std::string_view text);

}  // namespace insula::api
