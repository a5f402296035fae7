#include "controllers/job/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class JobControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    jobs_.start();
    pods_.start();
    controller_.start();
  }

  static api::Job job(int completions, int parallelism) {
    api::Job job;
    job.metadata.namespace_ = "default";
    job.metadata.name = "count";
    job.spec.completions = completions;
    job.spec.parallelism = parallelism;
    job.spec.backoff_limit = 3;
    job.spec.template_.spec.restart_policy = "Never";
    job.spec.template_.spec.containers.emplace_back().name = "main";
    return job;
  }

  static api::Job labelled_job() {
    api::Job own = job(1, 1);
    own.spec.selector.emplace().match_labels["job"] = "count";
    own.spec.template_.metadata.labels["job"] = "count";
    return own;
  }

  std::vector<api::Pod> pods() { return world_.list<api::Pod>("default"); }

  void end(api::Pod pod, const std::string& phase) {
    pod.status.phase = phase;
    world_.update_status(pod);
  }

  api::JobStatus status() { return world_.get<api::Job>("default", "count")->status; }

  controller::testing::Harness world_;
  controller::Informer<api::Job> jobs_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "job-controller"};
  JobController controller_{world_.api, world_.runtime, {jobs_, pods_}, events_};
};

TEST_F(JobControllerTest, RunsPodsUntilEnoughHaveSucceeded) {
  world_.create(job(3, 2));
  world_.settle();
  ASSERT_THAT(pods(), SizeIs(2));
  EXPECT_THAT(pods()[0].metadata.name, StartsWith("count-"));
  EXPECT_EQ(status().active, 2);
  for (int turn = 0; turn < 3; ++turn) {
    for (const api::Pod& pod : pods()) {
      if (pod.status.phase == "Succeeded") continue;
      end(pod, "Succeeded");
      break;
    }
    world_.settle();
  }
  EXPECT_EQ(status().succeeded, 3);
  EXPECT_NE(true_condition(status(), "Complete"), nullptr);
  EXPECT_EQ(world_.api.count("create", "pods"), 3);
  EXPECT_THAT(world_.events("count", "Completed"), ElementsAre("Job completed"));
  for (const api::Pod& pod : pods())
    EXPECT_FALSE(is_tracked(pod));
}

TEST_F(JobControllerTest, CountsOnceWhatAFailedWriteInterrupted) {
  bool broken = false;
  world_.api.set_hook(
      [&broken](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (!broken || verb != "update" || target.kind->plural != "pods") return std::nullopt;
        return Error(ErrorCode::kUnavailable, "not now");
      });
  world_.create(job(2, 1));
  world_.settle();
  end(pods().at(0), "Succeeded");
  broken = true;
  world_.settle();
  EXPECT_EQ(status().succeeded, 0);
  EXPECT_THAT(status().uncounted_terminated_pods->succeeded, SizeIs(1));
  broken = false;
  world_.advance(60s);
  EXPECT_EQ(status().succeeded, 1);
  EXPECT_THAT(status().uncounted_terminated_pods->succeeded, IsEmpty());
}

TEST_F(JobControllerTest, SuspendedItTakesItsPodsAwayUncounted) {
  world_.create(job(2, 2));
  world_.settle();
  api::Job held = *world_.get<api::Job>("default", "count");
  held.spec.suspend = true;
  world_.update(held);
  world_.settle();
  for (const api::Pod& pod : pods())
    EXPECT_TRUE(pod.metadata.deletion_timestamp);
  EXPECT_EQ(status().failed, 0);
  EXPECT_THAT(world_.events("count", "Suspended"), ElementsAre("Job suspended"));
}

TEST_F(JobControllerTest, TakesInItsOrphansAndLetsStraysGo) {
  world_.create(labelled_job());
  world_.settle();
  api::Pod orphan = pods().at(0);
  const std::string uid = orphan.metadata.uid;
  orphan.metadata.owner_references.clear();
  world_.update(orphan);
  world_.settle();
  ASSERT_THAT(pods(), SizeIs(1)) << "no other pod is made in its place";
  EXPECT_NE(controller::controller_of(pods()[0].metadata), nullptr);
  EXPECT_TRUE(is_tracked(pods()[0]));

  api::Pod stray = pods()[0];
  stray.metadata.labels.clear();
  world_.update(stray);
  world_.settle();
  ASSERT_THAT(pods(), SizeIs(2));
  for (const api::Pod& pod : pods()) {
    const bool is_stray = pod.metadata.uid == uid;
    EXPECT_EQ(controller::controller_of(pod.metadata) == nullptr, is_stray);
    EXPECT_EQ(is_tracked(pod), !is_stray);
  }
}

TEST_F(JobControllerTest, TakesInNothingOnceItIsOverOrAnothers) {
  world_.create(labelled_job());
  world_.settle();
  end(pods().at(0), "Succeeded");
  world_.settle();
  ASSERT_NE(true_condition(status(), "Complete"), nullptr);
  api::Job foreign = labelled_job();
  foreign.metadata.name = "foreign";
  foreign.spec.managed_by = "example.com/other";
  foreign.spec.selector->match_labels["job"] = "foreign";
  world_.create(foreign);
  for (const std::string name : {"count", "foreign"}) {
    api::Pod bystander;
    bystander.metadata.namespace_ = "default";
    bystander.metadata.name = "beside-" + name;
    bystander.metadata.labels["job"] = name;
    world_.create(bystander);
    world_.settle();
    const auto left = world_.get<api::Pod>("default", bystander.metadata.name);
    EXPECT_EQ(controller::controller_of(left->metadata), nullptr) << name;
    EXPECT_FALSE(is_tracked(*left)) << name;
  }
}

TEST_F(JobControllerTest, PodsThatOutliveTheirJobAreNotHeld) {
  world_.create(labelled_job());
  world_.settle();
  ASSERT_TRUE(is_tracked(pods().at(0)));
  (void)world_.remove<api::Job>("default", "count", {});
  api::Pod orphan = pods().at(0);
  orphan.metadata.owner_references.clear();
  world_.update(orphan);
  world_.settle();
  ASSERT_THAT(pods(), SizeIs(1));
  EXPECT_FALSE(is_tracked(pods()[0]));
}

TEST_F(JobControllerTest, AJobThatIsGoneHoldsNoPod) {
  world_.create(job(1, 1));
  world_.settle();
  ASSERT_TRUE(is_tracked(pods().at(0)));
  client::DeleteOptions orphans;
  orphans.propagation = client::Propagation::kBackground;
  ASSERT_TRUE(world_.remove<api::Job>("default", "count", orphans));
  world_.settle();
  for (const api::Pod& pod : pods())
    EXPECT_FALSE(is_tracked(pod));
}

TEST_F(JobControllerTest, LeavesJobsOfOtherControllersAlone) {
  api::Job other = job(1, 1);
  other.spec.managed_by = "example.com/queue";
  world_.create(other);
  world_.settle();
  EXPECT_THAT(pods(), IsEmpty());
  EXPECT_FALSE(status().start_time);
}

TEST_F(JobControllerTest, DeletesAJobAfterItsTimeToLive) {
  api::Job brief = job(1, 1);
  brief.spec.ttl_seconds_after_finished = 5;
  world_.create(brief);
  world_.settle();
  end(pods().at(0), "Succeeded");
  world_.settle();
  ASSERT_NE(true_condition(status(), "Complete"), nullptr);
  world_.advance(6s);
  EXPECT_EQ(world_.api.count("delete", "jobs"), 1);
}

}  // namespace
}  // namespace insula::controllers
