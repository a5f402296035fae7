#include "controllers/customresources/controller.h"

#include <gtest/gtest.h>

#include "api/custom/custom_kinds.h"
#include "api/custom/definition.h"
#include "controller/testing/harness.h"
#include "controllers/garbage/controller.h"
#include "json/parse.h"

namespace insula::controllers {
namespace {

/// The kinds of definitions that a test puts in.
class TestKinds final : public api::KindCatalog {
 public:
  std::span<const api::Kind* const> served() override { return kinds.served(); }

  std::span<const api::Kind* const> stored() override { return kinds.stored(); }

  std::uint64_t generation() override { return kinds.generation(); }

  api::CustomKinds kinds;
};

api::CustomResourceDefinition widgets() {
  api::CustomResourceDefinition definition;
  definition.metadata.name = "widgets.example.com";
  definition.metadata.finalizers = {api::kCustomResourceCleanup};
  definition.spec.group = "example.com";
  definition.spec.scope = "Namespaced";
  definition.spec.names.plural = "widgets";
  definition.spec.names.kind = "Widget";
  api::CustomResourceDefinitionVersion& version = definition.spec.versions.emplace_back();
  version.name = "v1";
  version.served = version.storage = true;
  version.schema.emplace().open_apiv3_schema.text =
      R"({"type":"object","x-kubernetes-preserve-unknown-fields":true})";
  api::accept_names(definition, {}, api::Time{1});
  return definition;
}

class CustomResourcesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    definitions_.start();
    events_.start();
    controller_.start();
    collector_.start();
    kinds_.kinds.put(widgets());
    widget_ = kinds_.find("example.com", "v1", "widgets");
    ASSERT_NE(widget_, nullptr);
    world_.create(widgets());
    world_.settle();
  }

  void make(const std::string& name, const std::string& metadata = "") {
    const client::Target target{widget_, "default", {}, {}};
    const auto made = world_.run(world_.api.create(
        target, R"({"metadata":{"name":")" + name + R"(","namespace":"default")" + metadata + "}}",
        {}));
    ASSERT_TRUE(made) << made.error().message();
  }

  bool has(const std::string& name) {
    return world_.run(world_.api.get({widget_, "default", name, {}})).has_value();
  }

  bool has_definition() {
    return world_.get<api::CustomResourceDefinition>("", "widgets.example.com").has_value();
  }

  controller::testing::Harness world_;
  TestKinds kinds_;
  CustomResourceController::Definitions definitions_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "garbage-collector-controller"};
  CustomResourceController controller_{world_.api, world_.runtime, definitions_, kinds_};
  GarbageCollector collector_{world_.api, world_.runtime, {kinds_, definitions_}, events_};
  const api::Kind* widget_ = nullptr;
};

TEST_F(CustomResourcesTest, LeavesTheObjectsOfADefinitionAlone) {
  make("w");
  world_.settle();
  EXPECT_TRUE(has("w") && has_definition());
}

TEST_F(CustomResourcesTest, RemovesObjectsBeforeTheirDefinition) {
  make("w");
  make("x");
  ASSERT_TRUE(world_.remove<api::CustomResourceDefinition>("", "widgets.example.com"));
  world_.settle();
  EXPECT_FALSE(has("w") || has("x") || has_definition());
}

TEST_F(CustomResourcesTest, WaitsForObjectsThatSomebodyHolds) {
  make("w", R"(,"finalizers":["example.com/hold"])");
  ASSERT_TRUE(world_.remove<api::CustomResourceDefinition>("", "widgets.example.com"));
  world_.settle();
  EXPECT_TRUE(has("w") && has_definition());
  const auto definition = world_.get<api::CustomResourceDefinition>("", "widgets.example.com");
  const api::CustomResourceDefinitionCondition& last = definition->status.conditions.back();
  EXPECT_EQ(last.type + " " + last.reason, "Terminating InstanceDeletionInProgress");
  EXPECT_EQ(last.message, "CustomResource deletion is in progress");
  const client::Target target{widget_, "default", "w", {}};
  ASSERT_TRUE(world_.run(world_.api.patch(target, client::PatchType::kMerge,
                                          R"({"metadata":{"finalizers":null}})", {})));
  world_.advance(kCustomResourceRetry);
  EXPECT_FALSE(has("w") || has_definition());
}

TEST_F(CustomResourcesTest, AreGarbageOnceTheirOwnerIsGone) {
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = "owner";
  map = world_.create(map);
  make("w", R"(,"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":")" +
                map.metadata.uid + R"("}])");
  world_.settle();
  EXPECT_TRUE(has("w"));
  ASSERT_TRUE(world_.remove<api::ConfigMap>("default", "owner"));
  world_.settle();
  EXPECT_FALSE(has("w"));
}

TEST_F(CustomResourcesTest, OwnWhatGoesWithThem) {
  make("w");
  const auto text = world_.run(world_.api.get({widget_, "default", "w", {}}));
  const auto metadata = client::decode_metadata(*json::parse(*text));
  api::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = "owned";
  api::OwnerReference& owner = map.metadata.owner_references.emplace_back();
  owner.api_version = "example.com/v1";
  owner.kind = "Widget";
  owner.name = "w";
  owner.uid = metadata->uid;
  world_.create(map);
  world_.settle();
  EXPECT_TRUE(world_.get<api::ConfigMap>("default", "owned"));
  ASSERT_TRUE(world_.run(world_.api.remove({widget_, "default", "w", {}}, {})));
  world_.settle();
  EXPECT_FALSE(world_.get<api::ConfigMap>("default", "owned"));
}

}  // namespace
}  // namespace insula::controllers
