#include "controllers/cronjob/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class CronJobPlanTest : public ::testing::Test {
 protected:
  CronJobPlanTest() {
    cron_.metadata.namespace_ = "a";
    cron_.metadata.name = "nightly";
    cron_.metadata.uid = "cron";
    cron_.metadata.creation_timestamp = *api::Time::parse("2026-11-27T06:00:30Z");
    cron_.spec.schedule = "*/10 * * * *";
    cron_.spec.concurrency_policy = "Allow";
  }

  api::Job& add(const std::string& name, std::string_view condition = {}) {
    auto job = std::make_shared<api::Job>();
    job->metadata.namespace_ = "a";
    job->metadata.name = name;
    job->metadata.uid = "uid-" + name;
    job->metadata.owner_references.push_back(controller::controlled_by(cron_));
    if (!condition.empty()) {
      job->status.conditions.emplace_back().type = condition;
      job->status.conditions[0].status = "True";
    }
    jobs_.push_back(job);
    return *job;
  }

  CronJobPlan plan(const std::string& now) {
    return plan_cron_job(cron_, jobs_, api::Time::parse(now)->wall());
  }

  static std::vector<std::string> names(const std::vector<JobPtr>& jobs) {
    std::vector<std::string> out;
    for (const JobPtr& job : jobs)
      out.push_back(job->metadata.name);
    return out;
  }

  static std::vector<std::string> reasons(const CronJobPlan& plan) {
    std::vector<std::string> out;
    for (const CronJobNote& note : plan.notes)
      out.push_back(note.reason);
    return out;
  }

  static std::vector<std::string> active(const CronJobPlan& plan) {
    std::vector<std::string> out;
    for (const api::ObjectReference& each : plan.status.active)
      out.push_back(each.name);
    return out;
  }

  api::CronJob cron_;
  std::vector<JobPtr> jobs_;
};

TEST_F(CronJobPlanTest, WaitsForItsTime) {
  const CronJobPlan plan = this->plan("2026-11-27T06:09:30Z");
  EXPECT_FALSE(plan.create);
  EXPECT_EQ(plan.again_after, 30s);
}

TEST_F(CronJobPlanTest, MakesAJobForTheLastTimeThatWasMissed) {
  const CronJobPlan plan = this->plan("2026-11-27T06:35:00Z");
  ASSERT_TRUE(plan.create);
  EXPECT_EQ(plan.create->text(), "2026-11-27T06:30:00Z");
  EXPECT_EQ(plan.again_after, 5min);
  const api::Job job = job_from_template(cron_, *plan.create);
  EXPECT_EQ(job.metadata.name, "nightly-29929350");
  EXPECT_EQ(job.metadata.annotations.at(kScheduledTimestamp), "2026-11-27T06:30:00Z");
  EXPECT_EQ(job.metadata.owner_references.at(0).kind, "CronJob");
}

TEST_F(CronJobPlanTest, MakesOneJobForATime) {
  cron_.status.last_schedule_time = *api::Time::parse("2026-11-27T06:30:00Z");
  EXPECT_FALSE(plan("2026-11-27T06:35:00Z").create);
  EXPECT_TRUE(plan("2026-11-27T06:40:00Z").create);
}

TEST_F(CronJobPlanTest, LeavesOutWhatIsTooLate) {
  cron_.spec.starting_deadline_seconds = 60;
  EXPECT_TRUE(plan("2026-11-27T06:31:00Z").create);
  const CronJobPlan late = plan("2026-11-27T06:31:01Z");
  EXPECT_FALSE(late.create);
  EXPECT_THAT(reasons(late), ElementsAre("MissSchedule"));
}

TEST_F(CronJobPlanTest, FollowsItsPolicyWhileAJobRuns) {
  add("old");
  EXPECT_TRUE(plan("2026-11-27T06:10:00Z").create);
  EXPECT_THAT(plan("2026-11-27T06:10:00Z").replace, IsEmpty());
  cron_.spec.concurrency_policy = "Forbid";
  EXPECT_FALSE(plan("2026-11-27T06:10:00Z").create);
  EXPECT_THAT(reasons(plan("2026-11-27T06:10:00Z")), ElementsAre("JobAlreadyActive"));
  cron_.spec.concurrency_policy = "Replace";
  EXPECT_TRUE(plan("2026-11-27T06:10:00Z").create);
  EXPECT_THAT(names(plan("2026-11-27T06:10:00Z").replace), ElementsAre("old"));
}

TEST_F(CronJobPlanTest, MakesNothingWhileSuspendedOrInAnotherZone) {
  cron_.spec.time_zone = "Etc/UTC";
  EXPECT_TRUE(plan("2026-11-27T06:10:00Z").create);
  cron_.spec.time_zone = "Asia/Taipei";
  EXPECT_FALSE(plan("2026-11-27T06:10:00Z").create);
  EXPECT_THAT(reasons(plan("2026-11-27T06:10:00Z")), ElementsAre("UnknownTimeZone"));
  cron_.spec.time_zone.reset();
  cron_.spec.suspend = true;
  EXPECT_FALSE(plan("2026-11-27T06:10:00Z").create);
}

TEST_F(CronJobPlanTest, ShowsWhatRunsAndWhatHasSucceeded) {
  add("running");
  api::Job& done = add("done", "Complete");
  done.status.completion_time = *api::Time::parse("2026-11-27T06:05:00Z");
  for (const char* name : {"done", "gone"}) {
    api::ObjectReference& listed = cron_.status.active.emplace_back();
    listed.name = name;
    listed.uid = std::string("uid-") + name;
  }
  const CronJobPlan plan = this->plan("2026-11-27T06:06:00Z");
  EXPECT_THAT(active(plan), ElementsAre("running"));
  EXPECT_EQ(plan.status.active[0].kind, "Job");
  EXPECT_EQ(plan.status.last_successful_time->text(), "2026-11-27T06:05:00Z");
  EXPECT_THAT(reasons(plan), ElementsAre("MissingJob", "SawCompletedJob"));
}

TEST_F(CronJobPlanTest, KeepsSoManyOfThoseThatHaveEnded) {
  cron_.spec.successful_jobs_history_limit = 1;
  cron_.spec.failed_jobs_history_limit = 0;
  add("b", "Complete").status.start_time = api::Time{200};
  add("a", "Complete").status.start_time = api::Time{300};
  add("c", "Complete").status.start_time = api::Time{100};
  add("f", "Failed");
  add("running");
  EXPECT_THAT(names(plan("2026-11-27T06:01:00Z").expired), ElementsAre("c", "b", "f"));
  cron_.spec.successful_jobs_history_limit.reset();
  cron_.spec.failed_jobs_history_limit.reset();
  EXPECT_THAT(plan("2026-11-27T06:01:00Z").expired, SizeIs(0));
}

TEST_F(CronJobPlanTest, CountsEveryFromTheLastTime) {
  cron_.spec.schedule = "@every 7m";
  const CronJobPlan plan = this->plan("2026-11-27T06:15:30Z");
  ASSERT_TRUE(plan.create);
  EXPECT_EQ(plan.create->text(), "2026-11-27T06:14:30Z");
  EXPECT_EQ(plan.again_after, 6min);
}

}  // namespace
}  // namespace insula::controllers
