#include <algorithm>
#include <set>

#include "api/validation/batch.h"
#include "api/validation/metadata.h"
#include "api/validation/shown.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

constexpr std::string_view kComplete = "Complete";
constexpr std::string_view kFailed = "Failed";
constexpr std::string_view kFailing = "FailureTarget";
constexpr std::string_view kSucceeding = "SuccessCriteriaMet";

bool is_finished(const JobStatus& status) {
  return has_true_condition(status, kComplete) || has_true_condition(status, kFailed);
}

ShownValue shown_time(const std::optional<Time>& time) {
  return time ? ShownValue(time->text()) : ShownValue::json("null");
}

/// The rules on one change of a Job's status. Those that say how fields go together are asked only
/// of what the change touches: a status that broke them before must not hold up the rest of it.
class StatusChange {
 public:
  StatusChange(const Job& object, const Job& old, FieldErrors& errors)
      : spec_(object.spec), now_(object.status), old_(old.status), errors_(errors) {}

  void validate() {
    numbers();
    uncounted();
    conditions();
    times();
    pods();
    indexes();
    progress();
  }

 private:
  [[nodiscard]] bool is(std::string_view condition) const {
    return has_true_condition(now_, condition);
  }

  [[nodiscard]] bool was(std::string_view condition) const {
    return has_true_condition(old_, condition);
  }

  [[nodiscard]] bool turned(std::string_view condition) const {
    return is(condition) != was(condition);
  }

  [[nodiscard]] bool finish_turned() const { return is_finished(now_) != is_finished(old_); }

  [[nodiscard]] FieldPath at(std::string_view field) const {
    return FieldPath("status").child(field);
  }

  void numbers() {
    not_negative(now_.active, at("active"), errors_);
    not_negative(now_.succeeded, at("succeeded"), errors_);
    not_negative(now_.failed, at("failed"), errors_);
    not_negative(now_.ready.value_or(0), at("ready"), errors_);
    not_negative(now_.terminating.value_or(0), at("terminating"), errors_);
  }

  void uncounted() {
    if (!now_.uncounted_terminated_pods) return;
    const FieldPath path = at("uncountedTerminatedPods");
    std::set<std::string_view> seen;
    const auto check = [&](const std::vector<std::string>& uids, const FieldPath& list) {
      for (std::size_t i = 0; i < uids.size(); ++i) {
        if (uids[i].empty()) {
          errors_.invalid(list.index(i), uids[i], "must not be empty");
        } else if (!seen.insert(uids[i]).second) {
          errors_.duplicate(list.index(i), uids[i]);
        }
      }
    };
    check(now_.uncounted_terminated_pods->succeeded, path.child("succeeded"));
    check(now_.uncounted_terminated_pods->failed, path.child("failed"));
  }

  void conditions() {
    const FieldPath path = at("conditions");
    const auto refuse = [&](bool wrong, std::string_view why) {
      if (wrong) errors_.invalid(path, why);
    };
    refuse((turned(kComplete) || turned(kFailed)) && is(kComplete) && is(kFailed),
           "cannot set Complete=True and Failed=true conditions");
    refuse((turned(kComplete) || turned(kFailing)) && is(kComplete) && is(kFailing),
           "cannot set Complete=True and FailureTarget=true conditions");
    refuse(turned(kFailed) && is(kFailed) && !is(kFailing),
           "cannot set Failed=True condition without the FailureTarget=true condition");
    refuse((turned(kComplete) || turned(kSucceeding)) && is(kComplete) && !is(kSucceeding),
           "cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
    refuse(is(kSucceeding) && is(kFailed),
           "cannot set SuccessCriteriaMet=True and Failed=true conditions");
    refuse(is(kSucceeding) && is(kFailing),
           "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
    for (const std::string_view last : {kFailed, kComplete, kFailing}) {
      refuse(was(last) && !is(last),
             "cannot disable the terminal " + std::string(last) + "=True condition");
    }
    refuse(was(kSucceeding) && !is(kSucceeding),
           "cannot disable the SuccessCriteriaMet=True condition");
  }

  void times() {
    const bool completion = turned(kComplete) || now_.completion_time != old_.completion_time;
    const FieldPath path = at("completionTime");
    const ShownValue shown = shown_time(now_.completion_time);
    if (completion && now_.completion_time && !is(kComplete)) {
      errors_.invalid(path, shown,
                      "cannot set completionTime when there is no Complete=True condition");
    } else if (completion && !now_.completion_time && is(kComplete)) {
      errors_.required(path, "completionTime is required for Complete jobs");
    }
    if (now_.completion_time && now_.start_time && *now_.completion_time < *now_.start_time)
      errors_.invalid(path, shown, "must be equal to or after `startTime`");
    if (now_.completion_time && old_.completion_time &&
        *now_.completion_time != *old_.completion_time) {
      errors_.invalid(path, shown, kFieldImmutable);
    }
    const bool started_anew = old_.start_time && now_.start_time != old_.start_time;
    const bool resumed = has_true_condition(old_, "Suspended") && !is("Suspended");
    if (started_anew && !spec_.suspend.value_or(false) && !resumed) {
      errors_.invalid(at("startTime"), shown_time(now_.start_time),
                      "field is immutable for unsuspended job once set");
    }
    const bool nothing_to_do = spec_.suspend.value_or(false) && spec_.completions == 0;
    if (finish_turned() && is_finished(now_) && !now_.start_time && !nothing_to_do)
      errors_.required(at("startTime"), "startTime is required for finished job");
  }

  void pods() {
    const bool finished = is_finished(now_);
    if ((finish_turned() || now_.active != old_.active) && now_.active > 0 && finished)
      errors_.invalid(at("active"), now_.active, "active>0 is invalid for finished job");
    const std::int32_t terminating = now_.terminating.value_or(0);
    if ((finish_turned() || now_.terminating != old_.terminating) && terminating > 0 && finished)
      errors_.invalid(at("terminating"), terminating, "terminating>0 is invalid for finished job");
    if ((now_.ready != old_.ready || now_.active != old_.active) &&
        now_.ready.value_or(0) > now_.active) {
      errors_.invalid(at("ready"), *now_.ready, "cannot set more ready pods than active");
    }
    const Box<UncountedTerminatedPods>& left = now_.uncounted_terminated_pods;
    const bool some_left = left && !(left->succeeded.empty() && left->failed.empty());
    if (finished && some_left && (finish_turned() || !(left == old_.uncounted_terminated_pods))) {
      errors_.invalid(at("uncountedTerminatedPods"), shown(*left),
                      "must be empty for finished job");
    }
  }

  void indexes() {
    const bool indexed = spec_.completion_mode == "Indexed";
    const std::int32_t completions = spec_.completions.value_or(0);
    if (now_.completed_indexes != old_.completed_indexes && !now_.completed_indexes.empty()) {
      const IndexSet read = read_indexes(now_.completed_indexes, completions);
      if (!indexed) {
        errors_.invalid(at("completedIndexes"), now_.completed_indexes,
                        "cannot set non-empty completedIndexes when non-indexed completion mode");
      } else if (!read.complaint.empty()) {
        errors_.invalid(at("completedIndexes"), now_.completed_indexes,
                        "error parsing completedIndexes: " + read.complaint);
      }
    }
    if (now_.failed_indexes == old_.failed_indexes || !now_.failed_indexes) return;
    const IndexSet read = read_indexes(*now_.failed_indexes, completions);
    if (!spec_.backoff_limit_per_index) {
      errors_.invalid(at("failedIndexes"), *now_.failed_indexes,
                      "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
    } else if (!read.complaint.empty()) {
      errors_.invalid(at("failedIndexes"), *now_.failed_indexes,
                      "error parsing failedIndexes: " + read.complaint);
    }
  }

  void progress() {
    if (now_.failed < old_.failed)
      errors_.invalid(at("failed"), now_.failed, "cannot decrease the failed counter");
    // An Indexed Job that is made smaller forgets the indexes beyond its new end.
    const bool may_shrink =
        spec_.completion_mode == "Indexed" && spec_.completions == spec_.parallelism;
    if (now_.succeeded < old_.succeeded && !may_shrink)
      errors_.invalid(at("succeeded"), now_.succeeded, "cannot decrease the succeeded counter");
  }

  const JobSpec& spec_;
  const JobStatus& now_;
  const JobStatus& old_;
  FieldErrors& errors_;
};

}  // namespace

bool has_true_condition(const JobStatus& status, std::string_view type) {
  return std::ranges::any_of(status.conditions, [&](const JobCondition& condition) {
    return condition.type == type && condition.status == "True";
  });
}

void validate_job_status(const Job& object, const Job& old, FieldErrors& errors) {
  StatusChange(object, old, errors).validate();
}

}  // namespace insula::api
