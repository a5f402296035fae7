#include "controllers/namespaces/controller.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class NamespaceControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (controller::Mirror* mirror :
         std::initializer_list<controller::Mirror*>{&namespaces_, &accounts_, &maps_, &pods_}) {
      mirror->start();
    }
    controller_.start();
    world_.add_namespace("a");
    world_.settle();
  }

  std::string condition(const std::string& type) {
    const auto name_space = world_.get<api::Namespace>("", "a");
    for (const api::NamespaceCondition& one : name_space->status.conditions) {
      if (one.type == type) return one.status + " " + one.message;
    }
    return "";
  }

  controller::testing::Harness world_;
  controller::Informer<api::Namespace> namespaces_{world_.api};
  controller::Informer<api::ServiceAccount> accounts_{world_.api};
  controller::Informer<api::ConfigMap> maps_{world_.api};
  controller::Informer<api::Pod> pods_{world_.api};
  api::BuiltInKinds kinds_;
  NamespaceController controller_{
      world_.api, world_.runtime, {namespaces_, accounts_, maps_, pods_}, kinds_, "CA PEM"};
};

TEST_F(NamespaceControllerTest, GivesANamespaceItsAccountAndItsCertificate) {
  EXPECT_TRUE(world_.get<api::ServiceAccount>("a", "default").has_value());
  EXPECT_EQ(world_.get<api::ConfigMap>("a", "kube-root-ca.crt")->data.at("ca.crt"), "CA PEM");
}

TEST_F(NamespaceControllerTest, PutsThemBackWhenSomebodyTakesOrChangesThem) {
  ASSERT_TRUE(world_.remove<api::ServiceAccount>("a", "default"));
  api::ConfigMap map = *world_.get<api::ConfigMap>("a", "kube-root-ca.crt");
  map.data["ca.crt"] = "forged";
  world_.update(map);
  world_.settle();
  EXPECT_TRUE(world_.get<api::ServiceAccount>("a", "default").has_value());
  EXPECT_EQ(world_.get<api::ConfigMap>("a", "kube-root-ca.crt")->data.at("ca.crt"), "CA PEM");
}

TEST_F(NamespaceControllerTest, EmptiesANamespacePodsFirstAndThenRemovesIt) {
  api::Pod pod;
  pod.metadata.namespace_ = "a";
  pod.metadata.name = "p";
  pod.spec.node_name = "node";
  world_.create(pod);
  ASSERT_TRUE(world_.remove<api::Namespace>("", "a"));
  world_.settle();
  // The pod has its grace; what it uses stays until it has ended.
  EXPECT_TRUE(world_.get<api::Pod>("a", "p")->metadata.deletion_timestamp.has_value());
  EXPECT_TRUE(world_.get<api::ConfigMap>("a", "kube-root-ca.crt").has_value());
  EXPECT_EQ(condition("NamespaceContentRemaining"),
            "True Some resources are remaining: pods. has 1 resource instances");
  client::DeleteOptions at_once;
  at_once.grace_period_seconds = 0;
  ASSERT_TRUE(world_.remove<api::Pod>("a", "p", at_once));
  world_.settle();
  EXPECT_FALSE(world_.get<api::Namespace>("", "a").has_value());
  EXPECT_TRUE(world_.list<api::ConfigMap>("a").empty());
}

TEST_F(NamespaceControllerTest, SaysWhichFinalizersHoldItAndGoesOnOnceTheyAreGone) {
  api::ConfigMap held;
  held.metadata.namespace_ = "a";
  held.metadata.name = "held";
  held.metadata.finalizers = {"test/hold"};
  world_.create(held);
  ASSERT_TRUE(world_.remove<api::Namespace>("", "a"));
  world_.settle();
  EXPECT_THAT(condition("NamespaceFinalizersRemaining"), HasSubstr("True"));
  EXPECT_THAT(condition("NamespaceFinalizersRemaining"),
              HasSubstr("test/hold in 1 resource instances"));
  held = *world_.get<api::ConfigMap>("a", "held");
  held.metadata.finalizers.clear();
  world_.update(held);
  world_.advance(1s);
  EXPECT_FALSE(world_.get<api::Namespace>("", "a").has_value());
}

TEST_F(NamespaceControllerTest, ReportsWhatTheServerRefusesToDelete) {
  world_.api.set_hook(
      [](std::string_view verb, const client::Target& target) -> std::optional<Error> {
        if (verb != "deletecollection" || target.kind->plural != "secrets") return std::nullopt;
        return Error(ErrorCode::kForbidden, "not these");
      });
  ASSERT_TRUE(world_.remove<api::Namespace>("", "a"));
  world_.settle();
  EXPECT_THAT(condition("NamespaceDeletionContentFailure"), HasSubstr("True"));
  EXPECT_THAT(condition("NamespaceDeletionContentFailure"), HasSubstr("secrets: not these"));
}

}  // namespace
}  // namespace insula::controllers
