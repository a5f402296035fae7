#include "controllers/clusterroles/controller.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;

class ClusterRoleAggregatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    roles_.start();
    controller_.start();
  }

  static api::ClusterRole part(const std::string& name, const std::string& verb) {
    api::ClusterRole role;
    role.metadata.name = name;
    role.metadata.labels["to-whole"] = "true";
    api::PolicyRule& rule = role.rules.emplace_back();
    rule.verbs = {verb};
    rule.api_groups = {""};
    rule.resources = {"pods"};
    return role;
  }

  static api::ClusterRole collector(const std::string& name, const std::string& label) {
    api::ClusterRole role;
    role.metadata.name = name;
    role.aggregation_rule.ensure().cluster_role_selectors.emplace_back().match_labels[label] =
        "true";
    return role;
  }

  std::vector<std::string> verbs(const std::string& name) {
    std::vector<std::string> found;
    for (const api::PolicyRule& rule : world_.get<api::ClusterRole>("", name)->rules)
      found.push_back(rule.verbs.front());
    return found;
  }

  controller::testing::Harness world_;
  controller::Informer<api::ClusterRole> roles_{world_.api};
  ClusterRoleAggregator controller_{world_.api, world_.runtime, roles_};
};

TEST_F(ClusterRoleAggregatorTest, CollectsTheRulesOfTheRolesSelected) {
  world_.create(part("b", "list"));
  world_.create(part("a", "get"));
  world_.create(collector("whole", "to-whole"));
  world_.settle();
  EXPECT_THAT(verbs("whole"), ElementsAre("get", "list"));
}

TEST_F(ClusterRoleAggregatorTest, FollowsRolesThatComeChangeAndGo) {
  world_.create(collector("whole", "to-whole"));
  world_.create(part("a", "get"));
  world_.settle();
  EXPECT_THAT(verbs("whole"), ElementsAre("get"));
  api::ClusterRole changed = *world_.get<api::ClusterRole>("", "a");
  changed.rules[0].verbs = {"watch"};
  world_.update(changed);
  world_.create(part("b", "list"));
  world_.settle();
  EXPECT_THAT(verbs("whole"), ElementsAre("watch", "list"));
  ASSERT_TRUE(world_.remove<api::ClusterRole>("", "a"));
  world_.settle();
  EXPECT_THAT(verbs("whole"), ElementsAre("list"));
}

TEST_F(ClusterRoleAggregatorTest, CollectsFromRolesThatAreCollectedThemselves) {
  api::ClusterRole middle = collector("middle", "to-whole");
  middle.metadata.labels["to-all"] = "true";
  world_.create(collector("all", "to-all"));
  world_.create(middle);
  world_.create(part("a", "get"));
  world_.settle();
  EXPECT_THAT(verbs("all"), ElementsAre("get"));
}

TEST_F(ClusterRoleAggregatorTest, OverwritesWhatSomebodyElseWroteIntoTheRules) {
  world_.create(part("a", "get"));
  world_.create(collector("whole", "to-whole"));
  world_.settle();
  api::ClusterRole forged = *world_.get<api::ClusterRole>("", "whole");
  forged.rules.push_back(part("x", "*").rules[0]);
  world_.update(forged);
  world_.settle();
  EXPECT_THAT(verbs("whole"), ElementsAre("get"));
}

}  // namespace
}  // namespace insula::controllers
