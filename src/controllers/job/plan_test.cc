#include "controllers/job/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "testing/fake_clock.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class JobPlanTest : public ::testing::Test {
 protected:
  JobPlanTest() {
    job_.metadata.namespace_ = "a";
    job_.metadata.name = "count";
    job_.metadata.uid = "job";
    job_.spec.parallelism = 2;
    job_.spec.completions = 3;
    job_.spec.backoff_limit = 1;
    job_.spec.completion_mode = "NonIndexed";
    job_.spec.template_.spec.restart_policy = "Never";
    job_.spec.template_.spec.containers.emplace_back().name = "main";
  }

  api::Pod& add(const std::string& name, const std::string& phase = "Running") {
    auto pod = std::make_shared<api::Pod>(pod_from_template(job_, std::nullopt));
    pod->metadata.name = name;
    pod->metadata.uid = name;
    pod->metadata.creation_timestamp = api::Time::from(clock_.wall());
    pod->spec.node_name = "node";
    pod->status.phase = phase;
    pods_.push_back(pod);
    return *pod;
  }

  api::Pod& add_index(const std::string& name, std::int32_t index, const std::string& phase) {
    api::Pod& pod = add(name, phase);
    pod.metadata.annotations[std::string(kCompletionIndex)] = std::to_string(index);
    return pod;
  }

  void index_job() { job_.spec.completion_mode = "Indexed"; }

  /// What is planned, with its status kept as the server would.
  JobPlan plan() {
    JobPlan plan = plan_job(job_, pods_, clock_.wall());
    job_.status = plan.status;
    return plan;
  }

  /// Does to the pods what the plan asks for.
  void forget(const JobPlan& plan) {
    for (const PodPtr& pod : plan.forget) {
      for (PodPtr& mine : pods_) {
        if (mine != pod) continue;
        auto next = std::make_shared<api::Pod>(*pod);
        std::erase(next->metadata.finalizers, kJobTracking);
        mine = next;
      }
    }
  }

  [[nodiscard]] std::vector<std::string> conditions() const {
    std::vector<std::string> out;
    for (const api::JobCondition& condition : job_.status.conditions)
      out.push_back(condition.type + "=" + condition.status + " " + condition.reason);
    return out;
  }

  static std::vector<std::string> names(const std::vector<PodPtr>& pods) {
    std::vector<std::string> out;
    for (const PodPtr& pod : pods)
      out.push_back(pod->metadata.name);
    return out;
  }

  static std::vector<std::int32_t> indexes(const JobPlan& plan) {
    std::vector<std::int32_t> out;
    for (const auto& index : plan.create)
      out.push_back(index.value_or(-1));
    return out;
  }

  insula::testing::FakeClock clock_;
  api::Job job_;
  std::vector<PodPtr> pods_;
};

TEST_F(JobPlanTest, BeginsWithAsManyPodsAsMayRunAtOnce) {
  const JobPlan plan = this->plan();
  EXPECT_THAT(indexes(plan), ElementsAre(-1, -1));
  EXPECT_EQ(job_.status.start_time, api::Time::from(clock_.wall()));
}

TEST_F(JobPlanTest, MakesNoMorePodsThanCompletionsAreMissing) {
  job_.status.succeeded = 2;
  EXPECT_THAT(plan().create, SizeIs(1));
  add("one");
  EXPECT_THAT(plan().create, IsEmpty());
}

TEST_F(JobPlanTest, CountsAPodOnlyOnceWhereverItIsInterrupted) {
  add("one", "Succeeded");
  JobPlan first = plan();
  EXPECT_EQ(job_.status.succeeded, 0);
  EXPECT_THAT(job_.status.uncounted_terminated_pods->succeeded, ElementsAre("one"));
  EXPECT_THAT(names(first.forget), ElementsAre("one"));
  // The status is written, and the finalizer is still there.
  first = plan();
  EXPECT_EQ(job_.status.succeeded, 0);
  EXPECT_THAT(job_.status.uncounted_terminated_pods->succeeded, ElementsAre("one"));
  forget(first);
  EXPECT_THAT(plan().forget, IsEmpty());
  EXPECT_EQ(job_.status.succeeded, 1);
  EXPECT_THAT(job_.status.uncounted_terminated_pods->succeeded, IsEmpty());
  static_cast<void>(plan());
  EXPECT_EQ(job_.status.succeeded, 1);
}

TEST_F(JobPlanTest, CountsAPodThatIsGoneOnceItStandsInTheStatus) {
  add("one", "Failed");
  static_cast<void>(plan());
  pods_.clear();
  static_cast<void>(plan());
  EXPECT_EQ(job_.status.failed, 1);
}

TEST_F(JobPlanTest, IsCompleteWhenAllPodsAreCountedAndGone) {
  job_.spec.completions = 1;
  add("one", "Succeeded");
  api::Pod& other = add("two");
  const JobPlan first = plan();
  EXPECT_THAT(conditions(), ElementsAre("SuccessCriteriaMet=True CompletionsReached"));
  // The other is not needed any more, and counts as neither.
  EXPECT_THAT(names(first.withdraw), ElementsAre("two"));
  forget(first);
  std::erase(other.metadata.finalizers, kJobTracking);
  other.metadata.deletion_timestamp = api::Time::from(clock_.wall());
  static_cast<void>(plan());
  EXPECT_EQ(job_.status.terminating, 1);
  EXPECT_THAT(conditions(), SizeIs(1));
  pods_.pop_back();
  static_cast<void>(plan());
  EXPECT_THAT(conditions(), ElementsAre("SuccessCriteriaMet=True CompletionsReached",
                                        "Complete=True CompletionsReached"));
  EXPECT_EQ(job_.status.succeeded, 1);
  EXPECT_EQ(job_.status.failed, 0);
  EXPECT_EQ(job_.status.completion_time, api::Time::from(clock_.wall()));
}

TEST_F(JobPlanTest, WithoutCompletionsOneSuccessLetsTheOthersRunToTheirEnd) {
  job_.spec.completions.reset();
  add("one", "Succeeded");
  add("two");
  forget(plan());
  EXPECT_THAT(plan().create, IsEmpty());
  EXPECT_THAT(conditions(), IsEmpty());
}

TEST_F(JobPlanTest, FailsBeyondTheBackoffLimit) {
  add("one", "Failed");
  forget(plan());
  EXPECT_THAT(conditions(), IsEmpty());
  add("two", "Failed");
  add("three");
  const JobPlan second = plan();
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True BackoffLimitExceeded"));
  EXPECT_THAT(names(second.remove), ElementsAre("three"));
  EXPECT_THAT(second.create, IsEmpty());
  forget(second);
  pods_.pop_back();
  static_cast<void>(plan());
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True BackoffLimitExceeded",
                                        "Failed=True BackoffLimitExceeded"));
  EXPECT_FALSE(job_.status.completion_time);
}

TEST_F(JobPlanTest, RestartsInPlaceAreFailuresToo) {
  job_.spec.template_.spec.restart_policy = "OnFailure";
  api::Pod& pod = add("one");
  pod.status.container_statuses.emplace_back().restart_count = 1;
  static_cast<void>(plan());
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True BackoffLimitExceeded"));
}

TEST_F(JobPlanTest, WaitsLongerAfterEveryFailure) {
  job_.spec.backoff_limit = 6;
  job_.spec.parallelism = 1;
  add("one", "Failed");
  JobPlan first = plan();
  EXPECT_THAT(first.create, IsEmpty());
  EXPECT_EQ(first.again_after, 10s);
  add("two", "Failed");
  EXPECT_EQ(plan().again_after, 20s);
  clock_.advance(20s);
  EXPECT_THAT(plan().create, SizeIs(1));
  add("three", "Succeeded");
  EXPECT_THAT(plan().create, SizeIs(1));
}

TEST_F(JobPlanTest, FailsWhenItsTimeIsOver) {
  job_.spec.active_deadline_seconds = 30;
  EXPECT_EQ(plan().again_after, 30s);
  add("one");
  clock_.advance(30s);
  EXPECT_THAT(names(plan().remove), ElementsAre("one"));
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True DeadlineExceeded"));
}

TEST_F(JobPlanTest, SuspendedItHasNoPodsAndTheirEndIsNoFailure) {
  static_cast<void>(plan());
  add("one");
  job_.spec.suspend = true;
  EXPECT_THAT(names(plan().withdraw), ElementsAre("one"));
  EXPECT_THAT(conditions(), ElementsAre("Suspended=True JobSuspended"));
  pods_.clear();
  EXPECT_THAT(plan().create, IsEmpty());
  clock_.advance(60s);
  job_.spec.suspend = false;
  EXPECT_THAT(plan().create, SizeIs(2));
  EXPECT_THAT(conditions(), ElementsAre("Suspended=False JobResumed"));
  EXPECT_EQ(job_.status.start_time, api::Time::from(clock_.wall()));
  EXPECT_EQ(job_.status.failed, 0);
}

TEST_F(JobPlanTest, WithdrawsWhatIsTooMuchBeginningWithWhatIsNotReady) {
  job_.spec.parallelism = 1;
  api::Pod& ready = add("ready");
  api::PodCondition& condition = ready.status.conditions.emplace_back();
  condition.type = "Ready";
  condition.status = "True";
  add("starting");
  EXPECT_THAT(names(plan().withdraw), ElementsAre("starting"));
}

TEST_F(JobPlanTest, ReplacesAPodThatIsBeingDeletedAtOnceOrAfterItsEnd) {
  add("one").metadata.deletion_timestamp = api::Time::from(clock_.wall() - 1min);
  add("two");
  job_.spec.pod_replacement_policy = "Failed";
  EXPECT_THAT(plan().create, IsEmpty());
  EXPECT_THAT(job_.status.uncounted_terminated_pods->failed, IsEmpty());
  job_.spec.pod_replacement_policy = "TerminatingOrFailed";
  EXPECT_THAT(plan().create, SizeIs(1));
  EXPECT_THAT(job_.status.uncounted_terminated_pods->failed, ElementsAre("one"));
}

TEST_F(JobPlanTest, IndexedItRunsEveryIndexOnce) {
  index_job();
  EXPECT_THAT(indexes(plan()), ElementsAre(0, 1));
  add_index("zero", 0, "Running");
  add_index("one", 1, "Succeeded");
  const JobPlan second = plan();
  EXPECT_EQ(job_.status.completed_indexes, "1");
  EXPECT_EQ(job_.status.succeeded, 1);
  EXPECT_THAT(indexes(second), ElementsAre(2));
  EXPECT_THAT(names(second.forget), ElementsAre("one"));
  // Twice the same index, one that is done, and one that is none of the Job's.
  add_index("again", 0, "Running");
  add_index("done", 1, "Running");
  add_index("beyond", 7, "Running");
  EXPECT_THAT(names(plan().withdraw), ElementsAre("again", "done", "beyond"));
}

TEST_F(JobPlanTest, IndexedPodsKnowTheirIndex) {
  index_job();
  const api::Pod pod = pod_from_template(job_, 2);
  EXPECT_EQ(pod.metadata.generate_name, "count-2-");
  EXPECT_EQ(pod.spec.hostname, "count-2");
  EXPECT_EQ(pod.metadata.labels.at(std::string(kCompletionIndex)), "2");
  const api::EnvVar& variable = pod.spec.containers.at(0).env.at(0);
  EXPECT_EQ(variable.name, "JOB_COMPLETION_INDEX");
  EXPECT_EQ(variable.value_from->field_ref->field_path,
            "metadata.labels['batch.kubernetes.io/job-completion-index']");
  EXPECT_TRUE(is_tracked(pod));
}

TEST_F(JobPlanTest, EndedItIsDeletedAfterItsTimeToLive) {
  job_.spec.completions = 0;
  job_.spec.ttl_seconds_after_finished = 60;
  EXPECT_EQ(plan().again_after, 60s);
  EXPECT_THAT(conditions(), SizeIs(2));
  clock_.advance(59s);
  JobPlan before = plan();
  EXPECT_FALSE(before.expired);
  EXPECT_EQ(before.again_after, 1s);
  clock_.advance(1s);
  EXPECT_TRUE(plan().expired);
}

TEST_F(JobPlanTest, BeingDeletedItLetsItsPodsGo) {
  add("one");
  job_.metadata.deletion_timestamp = api::Time::from(clock_.wall());
  const JobPlan plan = this->plan();
  EXPECT_THAT(names(plan.forget), ElementsAre("one"));
  EXPECT_THAT(plan.create, IsEmpty());
}

/// Jobs whose failures are looked at one by one.
class JobPolicyTest : public JobPlanTest {
 protected:
  JobPolicyTest() {
    index_job();
    job_.spec.parallelism = 3;
    job_.spec.backoff_limit = 100;
  }

  /// A pod of an index that has ended with this exit code.
  api::Pod& add_failed(const std::string& name, std::int32_t index, std::int32_t exit_code = 1) {
    api::Pod& pod = add_index(name, index, "Failed");
    api::ContainerStatus& status = pod.status.container_statuses.emplace_back();
    status.name = "main";
    status.state.terminated.emplace().exit_code = exit_code;
    status.state.terminated->finished_at = api::Time::from(clock_.wall());
    return pod;
  }

  api::PodFailurePolicyRule& add_rule(const std::string& action) {
    if (!job_.spec.pod_failure_policy) job_.spec.pod_failure_policy.emplace();
    job_.spec.pod_replacement_policy = "Failed";
    api::PodFailurePolicyRule& rule = job_.spec.pod_failure_policy->rules.emplace_back();
    rule.action = action;
    return rule;
  }

  void add_exit_rule(const std::string& action, std::int32_t code) {
    auto& exit = add_rule(action).on_exit_codes.emplace();
    exit.operator_ = "In";
    exit.values = {code};
  }
};

TEST_F(JobPolicyTest, FailsAtOnceForAnExitCode) {
  add_exit_rule("FailJob", 42);
  add_failed("one", 0, 1);
  plan();
  EXPECT_THAT(conditions(), IsEmpty());
  add_failed("two", 1, 42);
  add_index("three", 2, "Running");
  const JobPlan plan = this->plan();
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True PodFailurePolicy"));
  EXPECT_EQ(job_.status.conditions[0].message,
            "Container main for pod a/two failed with exit code 42 matching FailJob rule at index "
            "0");
  EXPECT_THAT(names(plan.remove), ElementsAre("three"));
}

TEST_F(JobPolicyTest, RulesAboutOtherCodesAndContainersDoNotMatch) {
  auto& exit = add_rule("FailJob").on_exit_codes.emplace();
  exit.operator_ = "NotIn";
  exit.values = {1, 2};
  exit.container_name = "main";
  add_failed("one", 0, 2);
  add_failed("two", 1, 9).status.container_statuses[0].name = "side";
  plan();
  EXPECT_THAT(conditions(), IsEmpty());
  add_failed("three", 2, 9);
  plan();
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True PodFailurePolicy"));
}

TEST_F(JobPolicyTest, DoesNotCountWhatItIgnores) {
  job_.spec.backoff_limit = 0;
  auto& pattern = add_rule("Ignore").on_pod_conditions.emplace_back();
  pattern.type = "DisruptionTarget";
  pattern.status = "True";
  api::PodCondition& condition = add_failed("one", 0).status.conditions.emplace_back();
  condition.type = "DisruptionTarget";
  condition.status = "True";
  const JobPlan ended = plan();
  EXPECT_THAT(names(ended.forget), ElementsAre("one"));
  forget(ended);
  clock_.advance(10s);
  EXPECT_THAT(indexes(plan()), ElementsAre(0, 1, 2));
  EXPECT_THAT(conditions(), IsEmpty());
  EXPECT_EQ(job_.status.failed, 0);
}

TEST_F(JobPolicyTest, CountsTheFailuresOfEachIndex) {
  job_.spec.backoff_limit_per_index = 1;
  add_failed("zero", 0);
  add_index("one", 1, "Running");
  add_index("two", 2, "Running");
  const JobPlan early = plan();
  // The pod is kept until another one has its count.
  EXPECT_THAT(early.forget, IsEmpty());
  EXPECT_THAT(early.create, IsEmpty());
  EXPECT_EQ(early.again_after, kJobBackoffFirst);
  clock_.advance(10s);
  const JobPlan again = plan();
  ASSERT_THAT(indexes(again), ElementsAre(0));
  EXPECT_EQ(again.failures.at(0).counted, 1);
  const api::Pod next = pod_from_template(job_, 0, again.failures.at(0));
  EXPECT_EQ(next.metadata.annotations.at(std::string(kIndexFailures)), "1");

  api::Pod& second = add_failed("zero-again", 0);
  second.metadata.annotations[std::string(kIndexFailures)] = "1";
  const JobPlan lost = plan();
  EXPECT_EQ(job_.status.failed_indexes, "0");
  EXPECT_THAT(names(lost.forget), ElementsAre("zero", "zero-again"));
  EXPECT_THAT(lost.create, IsEmpty());
  EXPECT_THAT(conditions(), IsEmpty());
}

TEST_F(JobPolicyTest, FailsWhenEveryIndexHasEndedAndOneFailed) {
  job_.spec.backoff_limit_per_index = 0;
  add_failed("zero", 0);
  add_index("one", 1, "Succeeded");
  add_index("two", 2, "Succeeded");
  forget(plan());
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True FailedIndexes"));
  plan();
  EXPECT_THAT(conditions(),
              ElementsAre("FailureTarget=True FailedIndexes", "Failed=True FailedIndexes"));
  EXPECT_EQ(job_.status.failed, 1);
  EXPECT_EQ(job_.status.completed_indexes, "1,2");
}

TEST_F(JobPolicyTest, FailsWithTooManyFailedIndexes) {
  job_.spec.backoff_limit_per_index = 0;
  job_.spec.max_failed_indexes = 0;
  add_failed("zero", 0);
  add_index("one", 1, "Running");
  const JobPlan plan = this->plan();
  EXPECT_THAT(conditions(), ElementsAre("FailureTarget=True MaxFailedIndexesExceeded"));
  EXPECT_THAT(names(plan.remove), ElementsAre("one"));
}

TEST_F(JobPolicyTest, LosesAnIndexByARule) {
  job_.spec.backoff_limit_per_index = 5;
  add_exit_rule("FailIndex", 42);
  add_failed("zero", 0, 42);
  add_failed("one", 1, 1);
  plan();
  EXPECT_EQ(job_.status.failed_indexes, "0");
}

TEST_F(JobPolicyTest, SucceedsWithTheIndexesThatItNeeds) {
  api::SuccessPolicyRule& rule = job_.spec.success_policy.emplace().rules.emplace_back();
  rule.succeeded_indexes = "0-1";
  rule.succeeded_count = 1;
  add_index("two", 2, "Succeeded");
  plan();
  EXPECT_THAT(conditions(), IsEmpty());
  add_index("one", 1, "Succeeded");
  add_index("zero", 0, "Running");
  const JobPlan met = plan();
  EXPECT_THAT(conditions(), ElementsAre("SuccessCriteriaMet=True SuccessPolicy"));
  EXPECT_EQ(job_.status.conditions[0].message, "Matched rules at index 0");
  // It is not needed any more, and has not failed.
  EXPECT_THAT(names(met.withdraw), ElementsAre("zero"));
  EXPECT_EQ(job_.status.completed_indexes, "1,2");
}

TEST_F(JobPolicyTest, SucceedsWithAnyIndexesByTheirNumber) {
  job_.spec.success_policy.emplace().rules.emplace_back().succeeded_count = 2;
  add_index("two", 2, "Succeeded");
  plan();
  EXPECT_THAT(conditions(), IsEmpty());
  add_index("zero", 0, "Succeeded");
  forget(plan());
  plan();
  EXPECT_THAT(conditions(),
              ElementsAre("SuccessCriteriaMet=True SuccessPolicy", "Complete=True SuccessPolicy"));
}

}  // namespace
}  // namespace insula::controllers
