#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "api/cron_schedule.h"
#include "api/validation/batch.h"
#include "api/validation/shown.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

constexpr std::size_t kNameMax = 52;  // 63, less the 11 bytes that its Jobs have behind it
constexpr std::size_t kZonePartMax = 14;

/// Whether it has the form of a name of the IANA database; what is in the database, the controller
/// sees that reads it.
bool is_zone_name(std::string_view zone) {
  while (true) {
    const std::size_t slash = zone.find('/');
    const std::string_view part = zone.substr(0, slash);
    const bool plain = std::ranges::all_of(part, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' ||
             c == '+';
    });
    if (part.empty() || part.size() > kZonePartMax || part == "." || part == ".." ||
        part.starts_with('-') || !plain) {
      return false;
    }
    if (slash == std::string_view::npos) return true;
    zone.remove_prefix(slash + 1);
  }
}

void validate_zone(const std::string& zone, const FieldPath& path, FieldErrors& errors) {
  std::string lower = zone;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (zone.empty()) {
    errors.invalid(path, zone, "timeZone must be nil or non-empty string");
  } else if (!is_zone_name(zone)) {
    errors.invalid(path, zone, "unknown time zone " + zone);
  } else if (lower == "local") {
    errors.invalid(path, zone,
                   "timeZone must be an explicit time zone as defined in "
                   "https://www.iana.org/time-zones");
  }
}

void validate_schedule(const std::string& schedule, const FieldPath& path, FieldErrors& errors) {
  if (schedule.empty()) {
    errors.required(path);
  } else if (schedule.contains("TZ")) {
    errors.invalid(path, schedule,
                   "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
  } else {
    errors.invalid_each(path, schedule, check_cron_schedule(schedule));
  }
}

}  // namespace

std::vector<std::string> check_cron_schedule(std::string_view text) {
  return read_cron_schedule(text).complaints;
}

void validate(const CronJob& object, FieldErrors& errors) {
  const CronJobSpec& spec = object.spec;
  const FieldPath path("spec");
  validate_schedule(spec.schedule, path.child("schedule"), errors);
  not_negative(spec.starting_deadline_seconds.value_or(0), path.child("startingDeadlineSeconds"),
               errors);
  if (spec.time_zone) validate_zone(*spec.time_zone, path.child("timeZone"), errors);
  const std::string& policy = spec.concurrency_policy;
  if (policy != "Allow" && policy != "Forbid" && policy != "Replace") {
    errors.not_supported(path.child("concurrencyPolicy"), policy, {"Allow", "Forbid", "Replace"});
  }
  const FieldPath job = path.child("jobTemplate").child("spec");
  validate_job_spec(spec.job_template.spec, job, errors);
  if (spec.job_template.spec.selector) {
    errors.invalid(job.child("selector"), shown(*spec.job_template.spec.selector),
                   "`selector` will be auto-generated");
  }
  if (spec.job_template.spec.manual_selector.value_or(false))
    errors.not_supported(job.child("manualSelector"), true, {"nil", "false"});
  not_negative(spec.successful_jobs_history_limit.value_or(0),
               path.child("successfulJobsHistoryLimit"), errors);
  not_negative(spec.failed_jobs_history_limit.value_or(0), path.child("failedJobsHistoryLimit"),
               errors);
}

void validate_create(const CronJob& object, FieldErrors& errors) {
  if (object.metadata.name.size() > kNameMax) {
    errors.invalid(FieldPath("metadata.name"), object.metadata.name,
                   fmt::format("must be no more than {} characters", kNameMax));
  }
}

}  // namespace insula::api
