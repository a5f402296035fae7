#include "controllers/job/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"
#include "controller/owner.h"
#include "controllers/job/indexes.h"
#include "controllers/job/policies.h"
#include "controllers/pods.h"

namespace insula::controllers {

namespace {

using std::chrono::seconds;

std::optional<std::int32_t> index_of(const api::Pod& pod) {
  const auto it = pod.metadata.annotations.find(std::string(kCompletionIndex));
  if (it == pod.metadata.annotations.end()) return std::nullopt;
  return parse_whole<std::int32_t>(it->second);
}

/// When it ended, as far as anything tells.
WallTime finished_at(const api::Pod& pod) {
  api::Time last;
  for (const api::ContainerStatus& status : pod.status.container_statuses) {
    if (status.state.terminated) last = std::max(last, status.state.terminated->finished_at);
  }
  if (last.is_zero() && pod.metadata.deletion_timestamp) last = *pod.metadata.deletion_timestamp;
  return (last.is_zero() ? pod.metadata.creation_timestamp : last).wall();
}

std::int64_t restarts(const api::Pod& pod) {
  std::int64_t sum = 0;
  for (const auto* statuses :
       {&pod.status.init_container_statuses, &pod.status.container_statuses}) {
    for (const api::ContainerStatus& status : *statuses)
      sum += status.restart_count;
  }
  return sum;
}

bool listed(const std::vector<std::string>& uids, const api::Pod& pod) {
  return std::ranges::find(uids, pod.metadata.uid) != uids.end();
}

class JobPlanner {
 public:
  JobPlanner(const api::Job& job, const std::vector<PodPtr>& pods, WallTime now)
      : job_(job), spec_(job.spec), pods_(pods), now_(now), status_(plan_.status) {
    status_ = job.status;
  }

  JobPlan plan() && {
    const api::JobCondition* end = true_condition(status_, "Complete");
    if (end == nullptr) end = true_condition(status_, "Failed");
    if (end != nullptr || job_.metadata.deletion_timestamp) {
      std::ranges::copy_if(pods_, std::back_inserter(plan_.forget),
                           [](const PodPtr& pod) { return is_tracked(*pod); });
      if (end != nullptr && !job_.metadata.deletion_timestamp) expire(*end);
      return std::move(plan_);
    }
    begin();
    sort_pods();
    account();
    decide();
    if (target() != nullptr) {
      end_job();
    } else if (suspended()) {
      plan_.withdraw = active_;
    } else {
      scale();
    }
    return std::move(plan_);
  }

 private:
  [[nodiscard]] bool suspended() const { return spec_.suspend.value_or(false); }

  [[nodiscard]] bool indexed() const { return spec_.completion_mode == "Indexed"; }

  /// Whether failures are counted for each index by itself.
  [[nodiscard]] bool per_index() const {
    return indexed() && spec_.backoff_limit_per_index.has_value();
  }

  /// A policy wants to know how a pod ended.
  [[nodiscard]] bool replaces_ended_only() const {
    return spec_.pod_replacement_policy == "Failed" || spec_.pod_failure_policy.has_value();
  }

  /// The index of a pod if it is one of the Job's.
  [[nodiscard]] std::optional<std::int32_t> own_index(const api::Pod& pod) const {
    const auto index = index_of(pod);
    return index && *index >= 0 && *index < spec_.completions.value_or(0) ? index : std::nullopt;
  }

  [[nodiscard]] std::int32_t parallelism() const { return spec_.parallelism.value_or(1); }

  /// How the Job ends once its pods have, or null.
  [[nodiscard]] const api::JobCondition* target() const {
    const api::JobCondition* success = true_condition(status_, "SuccessCriteriaMet");
    return success != nullptr ? success : true_condition(status_, "FailureTarget");
  }

  void wait(seconds delay) {
    plan_.again_after = plan_.again_after ? std::min(*plan_.again_after, delay) : delay;
  }

  /// Seconds until `since` + `delay`; zero when that has passed.
  [[nodiscard]] seconds until(WallTime since, seconds delay) const {
    return std::max(seconds(0), std::chrono::ceil<seconds>(since + delay - now_));
  }

  void set_condition(std::string_view type,
                     std::string_view value,
                     std::string_view reason,
                     std::string_view message) {
    auto it = std::ranges::find(status_.conditions, type, &api::JobCondition::type);
    if (it == status_.conditions.end()) {
      it = status_.conditions.emplace(it);
      it->type = type;
    } else if (it->status == value) {
      return;
    }
    it->status = value;
    it->last_probe_time = it->last_transition_time = api::Time::from(now_);
    it->reason = reason;
    it->message = message;
  }

  void expire(const api::JobCondition& end) {
    if (!spec_.ttl_seconds_after_finished) return;
    const seconds left =
        until(end.last_transition_time.wall(), seconds(*spec_.ttl_seconds_after_finished));
    if (left > seconds(0)) return wait(left);
    plan_.expired = true;
  }

  void begin() {
    if (suspended()) {
      set_condition("Suspended", "True", "JobSuspended", "Job suspended");
      return;
    }
    if (true_condition(status_, "Suspended") != nullptr) {
      set_condition("Suspended", "False", "JobResumed", "Job resumed");
      status_.start_time = api::Time::from(now_);
    }
    if (!status_.start_time) status_.start_time = api::Time::from(now_);
  }

  void sort_pods() {
    std::int32_t ready = 0;
    std::int32_t terminating = 0;
    for (const PodPtr& pod : pods_) {
      if (is_active(*pod)) {
        active_.push_back(pod);
        if (is_ready(*pod)) ++ready;
      } else if (!is_finished(*pod)) {
        ++terminating;
      }
    }
    status_.active = static_cast<std::int32_t>(active_.size());
    status_.ready = ready;
    status_.terminating = terminating;
  }

  /// A pod that is being deleted has failed, unless the Job wants to know how it ended. One that no
  /// node has will not end in any other way.
  [[nodiscard]] bool has_failed(const api::Pod& pod) const {
    if (pod.status.phase == "Failed") return true;
    if (!pod.metadata.deletion_timestamp || pod.status.phase == "Succeeded") return false;
    return !replaces_ended_only() || pod.spec.node_name.empty();
  }

  void account() {
    api::UncountedTerminatedPods& uncounted = status_.uncounted_terminated_pods.ensure();
    std::set<std::string_view> held;
    for (const PodPtr& pod : pods_) {
      if (is_tracked(*pod)) held.insert(pod->metadata.uid);
    }
    const auto settle = [&held](std::vector<std::string>& uids) {
      return static_cast<std::int32_t>(
          std::erase_if(uids, [&held](const std::string& uid) { return !held.contains(uid); }));
    };
    status_.succeeded += settle(uncounted.succeeded);
    status_.failed += settle(uncounted.failed);
    if (indexed()) account_indexes(uncounted);
    for (const PodPtr& pod : pods_) {
      if (is_tracked(*pod)) take_down(pod, uncounted);
    }
    succeeded_ = status_.succeeded + static_cast<std::int32_t>(uncounted.succeeded.size());
    failed_ += status_.failed + static_cast<std::int32_t>(uncounted.failed.size());
  }

  /// A set of indexes counts nothing twice by itself.
  void account_indexes(const api::UncountedTerminatedPods& uncounted) {
    const std::int32_t completions = spec_.completions.value_or(0);
    done_ = parse_indexes(status_.completed_indexes, completions);
    if (per_index()) lost_ = parse_indexes(status_.failed_indexes.value_or(""), completions);
    for (const PodPtr& pod : pods_) {
      const auto index = own_index(*pod);
      if (!index || !is_tracked(*pod) || listed(uncounted.failed, *pod)) continue;
      if (pod->status.phase == "Succeeded")
        done_.insert(*index);
      else if (per_index() && has_failed(*pod) && is_last_failure(*pod))
        lost_.insert(*index);
    }
    status_.completed_indexes = format_indexes(done_);
    status_.succeeded = static_cast<std::int32_t>(done_.size());
    if (!per_index()) return;
    status_.failed_indexes = format_indexes(lost_);
    if (target() == nullptr) keep_last_failures(uncounted);
  }

  /// Whether the index fails with this pod.
  [[nodiscard]] bool is_last_failure(const api::Pod& pod) const {
    const FailureVerdict verdict = judge_failure(spec_, pod);
    if (verdict.action == FailureVerdict::Action::kFailIndex) return true;
    return verdict.action != FailureVerdict::Action::kIgnore &&
           failures_before(pod).counted >= *spec_.backoff_limit_per_index;
  }

  /// The pod that failed last of each index that waits for another: that one has to be told how
  /// often it has failed, and nothing else knows.
  void keep_last_failures(const api::UncountedTerminatedPods& uncounted) {
    Indexes settled = done_;
    settled.insert(lost_.begin(), lost_.end());
    for (const PodPtr& pod : active_) {
      if (const auto index = own_index(*pod)) settled.insert(*index);
    }
    const auto order = [](const api::Pod& pod) {
      return std::pair(failures_before(pod).all(), finished_at(pod));
    };
    for (const PodPtr& pod : pods_) {
      const auto index = own_index(*pod);
      if (!index || !is_tracked(*pod) || !has_failed(*pod) || settled.contains(*index) ||
          listed(uncounted.failed, *pod))
        continue;
      PodPtr& last = waiting_[*index];
      if (last == nullptr || order(*last) <= order(*pod)) last = pod;
    }
  }

  void take_down(const PodPtr& pod, api::UncountedTerminatedPods& uncounted) {
    const bool written = listed(uncounted.succeeded, *pod) || listed(uncounted.failed, *pod);
    if (!written && pod->status.phase == "Succeeded") {
      if (!indexed()) uncounted.succeeded.push_back(pod->metadata.uid);
    } else if (!written && has_failed(*pod)) {
      const bool counts = judge_failure(spec_, *pod).action != FailureVerdict::Action::kIgnore;
      const auto index = own_index(*pod);
      const auto kept = index ? waiting_.find(*index) : waiting_.end();
      if (kept != waiting_.end() && kept->second == pod) {
        failed_ += counts ? 1 : 0;
        return;
      }
      if (counts) uncounted.failed.push_back(pod->metadata.uid);
    } else if (!written) {
      return;
    }
    plan_.forget.push_back(pod);
  }

  [[nodiscard]] bool is_beyond_backoff_limit() const {
    const std::int64_t limit = spec_.backoff_limit.value_or(0);
    if (failed_ > limit) return true;
    if (spec_.template_.spec.restart_policy != "OnFailure") return false;
    std::int64_t sum = 0;
    for (const PodPtr& pod : active_)
      sum += restarts(*pod);
    return limit == 0 ? sum > 0 : sum >= limit;
  }

  [[nodiscard]] bool is_past_deadline() {
    if (!spec_.active_deadline_seconds || !status_.start_time || suspended()) return false;
    const seconds left = until(status_.start_time->wall(), seconds(*spec_.active_deadline_seconds));
    if (left > seconds(0)) wait(left);
    return left == seconds(0);
  }

  [[nodiscard]] bool has_succeeded() const {
    if (spec_.completions) return succeeded_ >= *spec_.completions;
    return succeeded_ > 0 && active_.empty();
  }

  /// Why the podFailurePolicy ends the Job; none when it does not.
  [[nodiscard]] std::optional<std::string> failed_by_policy() const {
    if (!spec_.pod_failure_policy) return std::nullopt;
    for (const PodPtr& pod : pods_) {
      if (!has_failed(*pod)) continue;
      FailureVerdict verdict = judge_failure(spec_, *pod);
      if (verdict.action == FailureVerdict::Action::kFailJob) return std::move(verdict.message);
    }
    return std::nullopt;
  }

  /// Whether enough indexes are lost for the Job to be.
  bool is_failed_by_indexes() {
    if (lost_.empty()) return false;
    const auto lost = static_cast<std::int32_t>(lost_.size());
    if (spec_.max_failed_indexes && lost > *spec_.max_failed_indexes) {
      set_condition("FailureTarget", "True", "MaxFailedIndexesExceeded",
                    "Job has exceeded the specified maximal number of failed indexes");
    } else if (lost + status_.succeeded >= spec_.completions.value_or(0)) {
      set_condition("FailureTarget", "True", "FailedIndexes", "Job has failed indexes");
    }
    return target() != nullptr;
  }

  void decide() {
    if (target() != nullptr) return;
    if (const auto why = failed_by_policy()) {
      set_condition("FailureTarget", "True", "PodFailurePolicy", *why);
    } else if (is_beyond_backoff_limit()) {
      set_condition("FailureTarget", "True", "BackoffLimitExceeded",
                    "Job has reached the specified backoff limit");
    } else if (is_past_deadline()) {
      set_condition("FailureTarget", "True", "DeadlineExceeded",
                    "Job was active longer than specified deadline");
    } else if (is_failed_by_indexes()) {
      return;
    } else if (const auto rule = met_success_rule(spec_, done_)) {
      set_condition("SuccessCriteriaMet", "True", "SuccessPolicy", *rule);
    } else if (has_succeeded()) {
      set_condition("SuccessCriteriaMet", "True", "CompletionsReached",
                    "Reached expected number of succeeded pods");
    }
  }

  /// The Job has ended when none of its pods runs and all are counted.
  void end_job() {
    // What still runs when the Job succeeds has not failed.
    const bool success = target()->type == "SuccessCriteriaMet";
    (success ? plan_.withdraw : plan_.remove) = active_;
    plan_.again_after.reset();
    const auto& uncounted = *status_.uncounted_terminated_pods;
    if (!waiting_.empty() || status_.active > 0 || status_.terminating > 0 ||
        !plan_.forget.empty() || !uncounted.succeeded.empty() || !uncounted.failed.empty()) {
      return;
    }
    const api::JobCondition reached = *target();
    set_condition(success ? "Complete" : "Failed", "True", reached.reason, reached.message);
    if (success) status_.completion_time = api::Time::from(now_);
    if (spec_.ttl_seconds_after_finished) wait(seconds(*spec_.ttl_seconds_after_finished));
  }

  void scale() {
    std::vector<PodPtr> running = indexed() ? withdraw_misfits() : active_;
    const auto have = static_cast<std::int32_t>(running.size());
    std::int32_t wanted = parallelism();
    if (spec_.completions) {
      wanted = std::min(wanted, std::max(0, *spec_.completions - succeeded_));
    } else if (succeeded_ > 0) {
      // The others may run to their end, and none is made any more.
      wanted = std::min(wanted, have);
    }
    if (have > wanted) return withdraw_surplus(std::move(running), have - wanted);
    std::int32_t missing = wanted - have;
    if (replaces_ended_only()) missing -= status_.terminating.value_or(0);
    if (missing <= 0) return;
    if (!per_index()) {
      if (const seconds left = until_retry(); left > seconds(0)) return wait(left);
    }
    const std::size_t count = std::min(static_cast<std::size_t>(missing), kJobBurstMax);
    if (indexed()) {
      create_indexes(running, count);
    } else {
      plan_.create.assign(count, std::nullopt);
    }
  }

  /// Pods of an index that is done, taken or not of the Job go; the others come back.
  std::vector<PodPtr> withdraw_misfits() {
    std::vector<PodPtr> fit;
    Indexes taken;
    for (const PodPtr& pod : active_) {
      const auto index = own_index(*pod);
      const bool keep = index && !done_.contains(*index) && taken.insert(*index).second;
      (keep ? fit : plan_.withdraw).push_back(pod);
    }
    return fit;
  }

  /// Those that are missed least: not ready, then the youngest.
  void withdraw_surplus(std::vector<PodPtr> running, std::int32_t surplus) {
    std::ranges::sort(running, {}, [](const PodPtr& pod) {
      return std::tuple(is_ready(*pod), -pod->metadata.creation_timestamp.seconds,
                        std::string_view(pod->metadata.name));
    });
    running.resize(static_cast<std::size_t>(surplus));
    std::ranges::move(running, std::back_inserter(plan_.withdraw));
  }

  void create_indexes(const std::vector<PodPtr>& running, std::size_t count) {
    Indexes taken = done_;
    taken.insert(lost_.begin(), lost_.end());
    const auto take = [&taken](const api::Pod& pod) {
      if (const auto index = index_of(pod)) taken.insert(*index);
    };
    for (const PodPtr& pod : running)
      take(*pod);
    for (const PodPtr& pod : pods_) {
      if (replaces_ended_only() && pod->metadata.deletion_timestamp && !is_finished(*pod))
        take(*pod);
    }
    for (std::int32_t i = 0; i < spec_.completions.value_or(0); ++i) {
      if (plan_.create.size() == count) return;
      if (!taken.contains(i) && may_follow(i)) plan_.create.emplace_back(i);
    }
  }

  /// Whether a pod of this index may follow on one that failed. It is told of the failures.
  bool may_follow(std::int32_t index) {
    const auto failed = waiting_.find(index);
    if (failed == waiting_.end()) return true;
    const api::Pod& pod = *failed->second;
    const seconds left = until(finished_at(pod), delay_after(failures_before(pod).all() + 1));
    if (left > seconds(0)) {
      wait(left);
      return false;
    }
    plan_.failures[index] = failures_with(spec_, pod);
    return true;
  }

  /// Of the first pod after so many failures.
  static seconds delay_after(int failures) {
    seconds delay = kJobBackoffFirst;
    for (int i = 1; i < failures && delay < kJobBackoffMax; ++i)
      delay *= 2;
    return std::min(delay, kJobBackoffMax);
  }

  /// Until a pod may follow on the last failure; zero when it may now.
  [[nodiscard]] seconds until_retry() const {
    WallTime success = WallTime::min();
    for (const PodPtr& pod : pods_) {
      if (pod->status.phase == "Succeeded") success = std::max(success, finished_at(*pod));
    }
    WallTime last = WallTime::min();
    int failures = 0;
    for (const PodPtr& pod : pods_) {
      // One that was withdrawn is being deleted and no longer tracked.
      if (!has_failed(*pod) || (pod->metadata.deletion_timestamp && !is_tracked(*pod))) continue;
      const WallTime at = finished_at(*pod);
      if (at < success) continue;
      ++failures;
      last = std::max(last, at);
    }
    return failures == 0 ? seconds(0) : until(last, delay_after(failures));
  }

  const api::Job& job_;
  const api::JobSpec& spec_;
  const std::vector<PodPtr>& pods_;
  const WallTime now_;
  JobPlan plan_;
  api::JobStatus& status_;
  std::vector<PodPtr> active_;
  Indexes done_;                            // of an Indexed Job
  Indexes lost_;                            // those that have failed for good
  std::map<std::int32_t, PodPtr> waiting_;  // the last failures of indexes that begin anew
  std::int32_t succeeded_ = 0;              // with those that are not counted yet
  std::int32_t failed_ = 0;
};

void tell_failures(api::Pod& pod, const IndexFailures& failures) {
  auto& annotations = pod.metadata.annotations;
  annotations[std::string(kIndexFailures)] = std::to_string(failures.counted);
  if (failures.ignored > 0)
    annotations[std::string(kIndexIgnoredFailures)] = std::to_string(failures.ignored);
}

void give_index(api::Pod& pod, const api::Job& job, std::int32_t index) {
  const std::string key(kCompletionIndex);
  const std::string text = std::to_string(index);
  const std::string name = job.metadata.name + "-" + text;
  pod.metadata.generate_name = name + "-";
  pod.metadata.labels[key] = text;
  pod.metadata.annotations[key] = text;
  if (pod.spec.hostname.empty()) pod.spec.hostname = name;
  constexpr std::string_view kVariable = "JOB_COMPLETION_INDEX";
  for (auto* containers : {&pod.spec.init_containers, &pod.spec.containers}) {
    for (api::Container& container : *containers) {
      if (std::ranges::find(container.env, kVariable, &api::EnvVar::name) != container.env.end())
        continue;
      api::EnvVar variable;
      variable.name = kVariable;
      variable.value_from.emplace().field_ref.emplace().field_path =
          fmt::format("metadata.labels['{}']", key);
      container.env.push_back(std::move(variable));
    }
  }
}

}  // namespace

JobPlan plan_job(const api::Job& job, const std::vector<PodPtr>& pods, WallTime now) {
  return JobPlanner(job, pods, now).plan();
}

api::Pod pod_from_template(const api::Job& job,
                           std::optional<std::int32_t> index,
                           const IndexFailures& failures) {
  api::Pod pod;
  pod.metadata.namespace_ = job.metadata.namespace_;
  pod.metadata.generate_name = job.metadata.name + "-";
  pod.metadata.labels = job.spec.template_.metadata.labels;
  pod.metadata.annotations = job.spec.template_.metadata.annotations;
  pod.metadata.finalizers = job.spec.template_.metadata.finalizers;
  pod.metadata.finalizers.emplace_back(kJobTracking);
  pod.metadata.owner_references.push_back(controller::controlled_by(job));
  pod.spec = job.spec.template_.spec;
  if (index) give_index(pod, job, *index);
  if (index && job.spec.backoff_limit_per_index) tell_failures(pod, failures);
  return pod;
}

bool is_tracked(const api::Pod& pod) {
  return std::ranges::find(pod.metadata.finalizers, kJobTracking) != pod.metadata.finalizers.end();
}

const api::JobCondition* true_condition(const api::JobStatus& status, std::string_view type) {
  const auto it = std::ranges::find(status.conditions, type, &api::JobCondition::type);
  return it != status.conditions.end() && it->status == "True" ? &*it : nullptr;
}

}  // namespace insula::controllers
