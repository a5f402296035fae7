#include "controllers/deployment/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::controllers {
namespace {

api::Deployment deployment_of(int replicas,
                              std::optional<api::IntOrString> surge = {},
                              std::optional<api::IntOrString> unavailable = {}) {
  api::Deployment deployment;
  deployment.spec.replicas = replicas;
  if (surge || unavailable) {
    auto& rolling = deployment.spec.strategy.rolling_update.emplace();
    rolling.max_surge = surge;
    rolling.max_unavailable = unavailable;
  }
  return deployment;
}

struct BoundsCase {
  int replicas;
  api::IntOrString surge;
  api::IntOrString unavailable;
  RolloutBounds expected;
};

TEST(Rollout, RoundsSurgeUpAndUnavailabilityDown) {
  const BoundsCase cases[] = {
      {10, "25%", "25%", {3, 2}}, {2, "25%", "25%", {1, 0}}, {1, "0%", "0%", {0, 1}},
      {3, 0, 0, {0, 1}},          {4, 1, 0, {1, 0}},         {2, 0, 5, {0, 2}},
      {0, "25%", "25%", {0, 0}},
  };
  for (const BoundsCase& one : cases) {
    const RolloutBounds bounds = bounds_of(deployment_of(one.replicas, one.surge, one.unavailable));
    EXPECT_EQ(bounds.surge, one.expected.surge) << one.replicas << one.surge.text();
    EXPECT_EQ(bounds.unavailable, one.expected.unavailable)
        << one.replicas << one.unavailable.text();
  }
}

TEST(Rollout, HashesTheTemplateTheSameWayEveryTime) {
  api::PodTemplateSpec pods;
  pods.metadata.labels["app"] = "web";
  const std::string hash = template_hash(pods, 0);
  EXPECT_EQ(template_hash(pods, 0), hash);
  EXPECT_NE(template_hash(pods, 1), hash);
  pods.spec.containers.emplace_back().image = "b";
  EXPECT_NE(template_hash(pods, 0), hash);
  EXPECT_THAT(hash, ::testing::MatchesRegex("[bcdfghjklmnpqrstvwxz2456789]+"));
}

TEST(Rollout, SeesTheSameTemplateThroughItsHashLabel) {
  api::PodTemplateSpec a;
  a.metadata.labels["app"] = "web";
  api::PodTemplateSpec b = a;
  b.metadata.labels["pod-template-hash"] = "xyz";
  EXPECT_TRUE(same_template(a, b));
  b.metadata.labels["app"] = "other";
  EXPECT_FALSE(same_template(a, b));
}

// A rolling update played to its end against pods that become available after a while: at no step
// may there be more pods than replicas + surge, or fewer available ones than replicas -
// unavailable.
class World {
 public:
  World(api::Deployment deployment, int old_size) : deployment_(std::move(deployment)) {
    old_ = std::make_shared<api::ReplicaSet>();
    old_->metadata.name = "old";
    old_->spec.replicas = old_size;
    old_->status.replicas = old_->status.available_replicas = old_size;
    new_ = std::make_shared<api::ReplicaSet>();
    new_->metadata.name = "new";
    new_->metadata.creation_timestamp.seconds = 1;
    new_->spec.replicas = first_size(deployment_, {old_});
  }

  // One controller step, then the pods follow: deletions at once, one new pod becomes available.
  void step() {
    for (const SetSize& size : roll(deployment_, new_, {old_})) {
      (size.set == new_ ? new_ : old_)->spec.replicas = size.replicas;
    }
    check();
    follow(*old_, 0);
    follow(*new_, 1);
    check();
  }

  [[nodiscard]] bool done() const {
    return *old_->spec.replicas == 0 &&
           new_->status.available_replicas == *deployment_.spec.replicas;
  }

 private:
  static void follow(api::ReplicaSet& set, int becoming) {
    set.status.replicas = *set.spec.replicas;
    set.status.available_replicas =
        std::min(set.status.available_replicas + becoming, *set.spec.replicas);
  }

  void check() const {
    const RolloutBounds bounds = bounds_of(deployment_);
    const int wanted = *deployment_.spec.replicas;
    EXPECT_LE(*old_->spec.replicas + *new_->spec.replicas, wanted + bounds.surge);
    const int available = std::min(*old_->spec.replicas, old_->status.available_replicas) +
                          std::min(*new_->spec.replicas, new_->status.available_replicas);
    EXPECT_GE(available, wanted - bounds.unavailable);
  }

  api::Deployment deployment_;
  std::shared_ptr<api::ReplicaSet> old_;
  std::shared_ptr<api::ReplicaSet> new_;
};

TEST(Rollout, StaysWithinItsBoundsFromStartToEnd) {
  struct Case {
    int replicas;
    api::IntOrString surge;
    api::IntOrString unavailable;
  };

  const Case cases[] = {{1, 1, 0},       {2, 0, 1},      {2, "25%", "25%"},
                        {3, 1, 1},       {10, "25%", 0}, {10, 0, "25%"},
                        {10, "100%", 0}, {7, 3, 2},      {1, "25%", "25%"}};
  for (const Case& one : cases) {
    SCOPED_TRACE(std::to_string(one.replicas) + " " + one.surge.text() + " " +
                 one.unavailable.text());
    World world(deployment_of(one.replicas, one.surge, one.unavailable), one.replicas);
    int steps = 0;
    while (!world.done() && steps < 100) {
      world.step();
      ++steps;
    }
    EXPECT_TRUE(world.done()) << "stuck";
  }
}

TEST(Rollout, RemovesBrokenOldPodsFirst) {
  const api::Deployment deployment = deployment_of(4, 0, 1);
  auto old_set = std::make_shared<api::ReplicaSet>();
  old_set->spec.replicas = 4;
  old_set->status.available_replicas = 1;  // three never came up
  auto new_set = std::make_shared<api::ReplicaSet>();
  new_set->spec.replicas = 0;
  const auto sizes = roll(deployment, new_set, {old_set});
  ASSERT_EQ(sizes.size(), 1U);
  EXPECT_EQ(sizes[0].replicas, 3);
}

SetPtr sized(const std::string& name, int replicas, int desired, int most) {
  auto set = std::make_shared<api::ReplicaSet>();
  set->metadata.name = name;
  set->spec.replicas = replicas;
  set->metadata.annotations["deployment.kubernetes.io/desired-replicas"] = std::to_string(desired);
  set->metadata.annotations["deployment.kubernetes.io/max-replicas"] = std::to_string(most);
  return set;
}

TEST(Rollout, SpreadsAScaleInTheMiddleOfARolloutInProportion) {
  // From 10 to 20 while 8 old and 5 new pods run (surge 3): the new total is 23, up by 10.
  const api::Deployment deployment = deployment_of(20, 3, 2);
  const SetPtr old_set = sized("old", 8, 10, 13);
  const SetPtr new_set = sized("new", 5, 10, 13);
  EXPECT_TRUE(needs_rescale(deployment, {old_set, new_set}));
  int total = 0;
  for (const SetSize& size : rescale(deployment, new_set, {old_set})) {
    total += size.replicas;
    EXPECT_EQ(size.replicas, size.set == old_set ? 14 : 9);
  }
  EXPECT_EQ(total, 23);
}

TEST(Rollout, GivesTheWholeScaleToTheOnlySetThatHasPods) {
  const api::Deployment deployment = deployment_of(7, 1, 1);
  const SetPtr only = sized("only", 3, 3, 4);
  const auto sizes = rescale(deployment, only, {sized("empty", 0, 3, 4)});
  ASSERT_EQ(sizes.size(), 1U);
  EXPECT_EQ(sizes[0].set, only);
  EXPECT_EQ(sizes[0].replicas, 7);
}

TEST(Rollout, ScalesToZeroEverywhere) {
  const api::Deployment deployment = deployment_of(0, 1, 1);
  for (const SetSize& size : rescale(deployment, sized("new", 2, 4, 5), {sized("old", 3, 4, 5)})) {
    EXPECT_EQ(size.replicas, 0);
  }
}

}  // namespace
}  // namespace insula::controllers
