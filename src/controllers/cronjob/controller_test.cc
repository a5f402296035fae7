#include "controllers/cronjob/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class CronJobControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    cron_jobs_.start();
    jobs_.start();
    controller_.start();
  }

  void make(const std::string& policy) {
    api::CronJob cron;
    cron.metadata.namespace_ = "default";
    cron.metadata.name = "tick";
    cron.spec.schedule = "* * * * *";
    cron.spec.concurrency_policy = policy;
    cron.spec.job_template.metadata.labels["app"] = "tick";
    api::JobSpec& spec = cron.spec.job_template.spec;
    spec.template_.spec.restart_policy = "OnFailure";
    spec.template_.spec.containers.emplace_back().name = "main";
    world_.create(std::move(cron));
    world_.settle();
  }

  std::vector<api::Job> jobs() { return world_.list<api::Job>("default"); }

  api::CronJobStatus status() { return world_.get<api::CronJob>("default", "tick")->status; }

  controller::testing::Harness world_;
  controller::Informer<api::CronJob> cron_jobs_{world_.api};
  controller::Informer<api::Job> jobs_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "cronjob-controller"};
  CronJobController controller_{world_.api, world_.runtime, {cron_jobs_, jobs_}, events_};
};

TEST_F(CronJobControllerTest, MakesAJobEveryMinute) {
  make("Allow");
  EXPECT_THAT(jobs(), SizeIs(0));
  world_.advance(61s);
  ASSERT_THAT(jobs(), SizeIs(1));
  EXPECT_EQ(jobs()[0].metadata.labels.at("app"), "tick");
  EXPECT_EQ(controller::controller_uid(jobs()[0].metadata),
            world_.get<api::CronJob>("default", "tick")->metadata.uid);
  EXPECT_THAT(status().active, SizeIs(1));
  world_.advance(60s);
  EXPECT_THAT(jobs(), SizeIs(2));
  EXPECT_THAT(status().active, SizeIs(2));
  EXPECT_EQ(world_.api.count("create", "jobs"), 2);
}

TEST_F(CronJobControllerTest, ReplacesAJobThatStillRuns) {
  make("Replace");
  world_.advance(61s);
  ASSERT_THAT(jobs(), SizeIs(1));
  const std::string first = jobs()[0].metadata.name;
  world_.advance(60s);
  ASSERT_THAT(jobs(), SizeIs(1));
  EXPECT_NE(jobs()[0].metadata.name, first);
  ASSERT_THAT(status().active, SizeIs(1));
  EXPECT_EQ(status().active[0].name, jobs()[0].metadata.name);
  world_.advance(60s);
  EXPECT_THAT(world_.events("tick", "SuccessfulDelete"), SizeIs(2));
  EXPECT_THAT(world_.events("tick", "MissingJob"), SizeIs(0));
}

// Killed between the Job and the status: the next start must not make the Job again.
TEST_F(CronJobControllerTest, MakesOneJobForATimeThoughItsStatusWasNotWritten) {
  bool down = true;
  world_.api.set_hook(
      [&down](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (!down || verb == "create" || target.subresource != "status") return std::nullopt;
        return Error(ErrorCode::kUnavailable, "down");
      });
  make("Allow");
  world_.advance(61s);
  EXPECT_THAT(jobs(), SizeIs(1));
  EXPECT_THAT(status().active, SizeIs(0));
  down = false;
  world_.advance(30s);
  EXPECT_THAT(jobs(), SizeIs(1));
  EXPECT_THAT(status().active, SizeIs(1));
  EXPECT_TRUE(status().last_schedule_time);
}

TEST_F(CronJobControllerTest, DeletesWhatIsMoreThanItKeeps) {
  make("Allow");
  api::CronJob cron = *world_.get<api::CronJob>("default", "tick");
  cron.spec.successful_jobs_history_limit = 1;
  world_.update(cron);
  for (int i = 0; i < 2; ++i) {
    world_.advance(61s);
    for (api::Job job : jobs()) {
      if (!job.status.conditions.empty()) continue;
      job.status.conditions.emplace_back().type = "Complete";
      job.status.conditions[0].status = "True";
      job.status.start_time = api::Time::from(world_.clock.wall());
      job.status.completion_time = api::Time::from(world_.clock.wall());
      world_.update_status(job);
    }
    world_.settle();
  }
  EXPECT_THAT(jobs(), SizeIs(1));
  EXPECT_THAT(status().active, SizeIs(0));
  EXPECT_TRUE(status().last_successful_time);
  EXPECT_THAT(world_.events("tick", "SawCompletedJob"), SizeIs(2));
}

}  // namespace
}  // namespace insula::controllers
