#include "node/pod_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/backoff.h"

namespace insula::node {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

api::Pod pod_of(int containers, const std::string& policy = "Always") {
  api::Pod pod;
  pod.spec.restart_policy = policy;
  for (int i = 0; i < containers; ++i)
    pod.spec.containers.emplace_back().name = "c" + std::to_string(i);
  return pod;
}

void run(ContainerRecord& record, bool ready = true) {
  record.phase = ContainerPhase::kRunning;
  record.started = true;
  record.ready = ready;
}

void end(ContainerRecord& record, int exit_code) {
  record.phase = ContainerPhase::kTerminated;
  record.ready = false;
  record.terminated =
      Termination{exit_code, 0, exit_code == 0 ? "Completed" : "Error", "", {}, {}, ""};
}

std::string condition(const api::PodStatus& status, const std::string& type) {
  for (const api::PodCondition& c : status.conditions) {
    if (c.type == type) return c.reason.empty() ? c.status : c.status + "/" + c.reason;
  }
  return "absent";
}

TEST(PodPhase, FollowsItsContainersAndTheRestartPolicy) {
  struct Case {
    const char* policy;
    int exit_code;
    const char* phase;
  };

  for (const Case& c : {Case{"Always", 0, "Running"}, Case{"Always", 1, "Running"},
                        Case{"OnFailure", 0, "Succeeded"}, Case{"OnFailure", 1, "Running"},
                        Case{"Never", 0, "Succeeded"}, Case{"Never", 1, "Failed"}}) {
    const api::Pod pod = pod_of(1, c.policy);
    PodRecord record = record_of(pod);
    EXPECT_EQ(pod_phase(pod.spec, record), "Pending");
    run(record.containers[0]);
    EXPECT_EQ(pod_phase(pod.spec, record), "Running");
    end(record.containers[0], c.exit_code);
    EXPECT_EQ(pod_phase(pod.spec, record), c.phase) << c.policy << " " << c.exit_code;
  }
}

TEST(PodPhase, StaysPendingUntilInitContainersAreDone) {
  api::Pod pod = pod_of(1, "Never");
  pod.spec.init_containers.emplace_back().name = "init";
  PodRecord record = record_of(pod);
  EXPECT_EQ(pod_status(pod, record, {}).container_statuses[0].state.waiting->reason,
            "PodInitializing");
  run(record.init_containers[0]);
  EXPECT_EQ(pod_phase(pod.spec, record), "Pending");
  end(record.init_containers[0], 1);
  EXPECT_EQ(pod_phase(pod.spec, record), "Failed");
  end(record.init_containers[0], 0);
  run(record.containers[0]);
  EXPECT_EQ(pod_phase(pod.spec, record), "Running");
}

TEST(PodStatus, IsReadyOnlyWhenEveryContainerIs) {
  const api::Pod pod = pod_of(2);
  PodRecord record = record_of(pod);
  record.pod_ip = "10.244.0.5";
  run(record.containers[0]);
  run(record.containers[1], false);
  api::PodStatus status = pod_status(pod, record, {});
  EXPECT_EQ(condition(status, "Ready"), "False/ContainersNotReady");
  EXPECT_EQ(status.pod_ips.at(0).ip, "10.244.0.5");
  record.containers[1].ready = true;
  status = pod_status(pod, record, {});
  EXPECT_EQ(condition(status, "Ready"), "True");
  EXPECT_EQ(condition(status, "Initialized"), "True");
}

TEST(PodStatus, StopsBeingReadyAsSoonAsThePodIsToStop) {
  const api::Pod pod = pod_of(1);
  PodRecord record = record_of(pod);
  run(record.containers[0]);
  record.stopping = true;
  const api::PodStatus status = pod_status(pod, record, {});
  EXPECT_EQ(status.phase, "Running");
  EXPECT_EQ(condition(status, "Ready"), "False/ContainersNotReady");
  EXPECT_FALSE(status.container_statuses[0].ready);
}

TEST(PodStatus, KeepsConditionsOfOthersAndTransitionTimes) {
  api::Pod pod = pod_of(1);
  PodRecord record = record_of(pod);
  run(record.containers[0]);
  pod.status = pod_status(pod, record, api::Time{100});
  auto& scheduled = pod.status.conditions.emplace_back();
  scheduled.type = "PodScheduled";
  scheduled.status = "True";
  const api::PodStatus later = pod_status(pod, record, api::Time{200});
  EXPECT_EQ(condition(later, "PodScheduled"), "True");
  for (const api::PodCondition& c : later.conditions) {
    if (c.type == "Ready") EXPECT_EQ(c.last_transition_time.seconds, 100);
  }
}

TEST(PodRecord, RemembersRestartsAndEndsFromTheStatus) {
  api::Pod pod = pod_of(1);
  PodRecord record = record_of(pod);
  end(record.containers[0], 3);
  record.containers[0].restart_count = 4;
  pod.status = pod_status(pod, record, {});
  const PodRecord again = record_of(pod);
  EXPECT_EQ(again.containers[0].restart_count, 4);
  ASSERT_TRUE(again.containers[0].terminated);
  EXPECT_EQ(again.containers[0].terminated->exit_code, 3);
}

TEST(RestartBackoff, DoublesUpToItsMaximumAndForgetsAfterALongRun) {
  RestartBackoff backoff(seconds(10), seconds(300));
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 8; ++i)
    waits.push_back(std::chrono::duration_cast<seconds>(backoff.after_run(seconds(1))).count());
  EXPECT_THAT(waits, ::testing::ElementsAre(0, 10, 20, 40, 80, 160, 300, 300));
  EXPECT_EQ(backoff.after_run(hours(1)), seconds(0));
}

}  // namespace
}  // namespace insula::node
