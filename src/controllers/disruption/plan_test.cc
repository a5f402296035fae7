#include "controllers/disruption/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/fake_clock.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using namespace std::chrono_literals;

class DisruptionPlanTest : public ::testing::Test {
 protected:
  DisruptionPlanTest() { budget_.metadata.generation = 2; }

  api::Pod& add(const std::string& name, bool ready = true) {
    auto pod = std::make_shared<api::Pod>();
    pod->metadata.name = name;
    pod->status.conditions.emplace_back().type = "Ready";
    pod->status.conditions[0].status = ready ? "True" : "False";
    pods_.push_back(pod);
    return *pod;
  }

  DisruptionPlan plan(std::int32_t expected = 0) {
    return plan_disruptions(budget_, pods_, expected, clock_.wall());
  }

  testing::FakeClock clock_;
  api::PodDisruptionBudget budget_;
  std::vector<PodPtr> pods_;
};

TEST_F(DisruptionPlanTest, CountsWhatIsReadyAgainstWhatMustStay) {
  budget_.spec.min_available = 1;
  add("a");
  add("b");
  add("c", false);
  const api::PodDisruptionBudgetStatus status = plan().status;
  EXPECT_EQ(status.expected_pods, 3);
  EXPECT_EQ(status.current_healthy, 2);
  EXPECT_EQ(status.desired_healthy, 1);
  EXPECT_EQ(status.disruptions_allowed, 1);
  EXPECT_EQ(status.observed_generation, 2);
  ASSERT_EQ(status.conditions.size(), 1U);
  EXPECT_EQ(status.conditions[0].status, "True");
  EXPECT_EQ(status.conditions[0].reason, "SufficientPods");
}

TEST_F(DisruptionPlanTest, RoundsPercentagesUp) {
  for (const char* name : {"a", "b", "c"})
    add(name);
  budget_.spec.min_available = "50%";
  EXPECT_EQ(plan(3).status.desired_healthy, 2);
  EXPECT_EQ(plan(3).status.disruptions_allowed, 1);
  budget_.spec.min_available.reset();
  budget_.spec.max_unavailable = "50%";
  EXPECT_EQ(plan(3).status.desired_healthy, 1);
  EXPECT_EQ(plan(3).status.disruptions_allowed, 2);
  budget_.spec.max_unavailable = 5;
  EXPECT_EQ(plan(3).status.desired_healthy, 0);
  // Of what should be there, not of what is.
  budget_.spec.max_unavailable = 1;
  EXPECT_EQ(plan(4).status.disruptions_allowed, 0);
}

TEST_F(DisruptionPlanTest, AllowsNothingWhileNoPodsAreExpected) {
  budget_.spec.min_available = 0;
  const api::PodDisruptionBudgetStatus status = plan().status;
  EXPECT_EQ(status.disruptions_allowed, 0);
  EXPECT_EQ(status.conditions[0].reason, "InsufficientPods");
}

TEST_F(DisruptionPlanTest, TakesOffThoseWhoseEvictionWasGrantedUntilTheyGoOrItIsTooLong) {
  budget_.spec.min_available = 1;
  add("going").metadata.deletion_timestamp = api::Time{1};
  add("granted");
  add("stayed");
  budget_.status.disrupted_pods["going"] = api::Time::from(clock_.wall());
  budget_.status.disrupted_pods["gone"] = api::Time::from(clock_.wall());
  budget_.status.disrupted_pods["granted"] = api::Time::from(clock_.wall() - 20s);
  budget_.status.disrupted_pods["stayed"] = api::Time::from(clock_.wall() - 3min);
  const DisruptionPlan plan = this->plan();
  EXPECT_THAT(plan.status.disrupted_pods, ElementsAre(Key("granted")));
  EXPECT_EQ(plan.status.current_healthy, 1);
  EXPECT_EQ(plan.status.disruptions_allowed, 0);
  EXPECT_EQ(plan.again_after, 101s);
}

TEST_F(DisruptionPlanTest, KeepsTheTimeOfAConditionThatStays) {
  budget_.spec.min_available = 1;
  add("a");
  add("b");
  budget_.status = plan().status;
  clock_.advance(1h);
  EXPECT_EQ(plan().status, budget_.status);
  pods_.pop_back();
  EXPECT_NE(plan().status.conditions[0].last_transition_time,
            budget_.status.conditions[0].last_transition_time);
}

}  // namespace
}  // namespace insula::controllers
