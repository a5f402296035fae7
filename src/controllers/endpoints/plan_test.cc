#include "controllers/endpoints/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class EndpointsPlanTest : public ::testing::Test {
 protected:
  EndpointsPlanTest() {
    service_.metadata.namespace_ = "a";
    service_.metadata.name = "llm-service";
    service_.metadata.uid = "svc";
    service_.spec.selector["app"] = "llm";
    api::ServicePort& port = service_.spec.ports.emplace_back();
    port.port = 8000;
    port.target_port = 8000;
  }

  api::Pod& add(const std::string& name, const std::string& ip, const char* ready = "True") {
    auto pod = std::make_shared<api::Pod>();
    pod->metadata.namespace_ = "a";
    pod->metadata.name = name;
    pod->metadata.uid = "uid-" + name;
    pod->spec.node_name = "node";
    pod->status.phase = "Running";
    pod->status.pod_ip = ip;
    api::PodCondition& condition = pod->status.conditions.emplace_back();
    condition.type = "Ready";
    condition.status = ready;
    pods_.push_back(pod);
    return *pod;
  }

  std::vector<std::string> slice_addresses() {
    std::vector<std::string> found;
    for (const api::EndpointSlice& slice : desired_slices(service_, pods_)) {
      for (const api::Endpoint& endpoint : slice.endpoints) {
        found.push_back(endpoint.addresses.at(0) + (*endpoint.conditions.ready ? " ready" : "") +
                        (*endpoint.conditions.serving ? " serving" : "") +
                        (*endpoint.conditions.terminating ? " terminating" : ""));
      }
    }
    return found;
  }

  api::Service service_;
  std::vector<PodPtr> pods_;
};

TEST_F(EndpointsPlanTest, ListsReadyAndUnreadyPodsWithTheirConditions) {
  add("b", "10.0.0.2", "False");
  add("a", "10.0.0.1");
  EXPECT_THAT(slice_addresses(), ElementsAre("10.0.0.1 ready serving", "10.0.0.2"));
  const api::EndpointSlice slice = desired_slices(service_, pods_)[0];
  EXPECT_EQ(slice.address_type, "IPv4");
  EXPECT_EQ(slice.metadata.labels.at("kubernetes.io/service-name"), "llm-service");
  EXPECT_EQ(slice.metadata.owner_references.at(0).kind, "Service");
  EXPECT_EQ(slice.endpoints[0].target_ref->name, "a");
  EXPECT_EQ(slice.endpoints[0].node_name, "node");
  EXPECT_EQ(slice.ports.at(0).port, 8000);
}

TEST_F(EndpointsPlanTest, AnEndingPodServesOnButIsNotReady) {
  add("a", "10.0.0.1").metadata.deletion_timestamp = api::Time{1};
  EXPECT_THAT(slice_addresses(), ElementsAre("10.0.0.1 serving terminating"));
  EXPECT_TRUE(desired_endpoints(service_, pods_).subsets.empty());
}

TEST_F(EndpointsPlanTest, LeavesOutPodsWithoutAddressAndFinishedOnes) {
  add("starting", "");
  add("done", "10.0.0.3").status.phase = "Succeeded";
  EXPECT_TRUE(slice_addresses().empty());
  EXPECT_THAT(desired_slices(service_, pods_), SizeIs(1));
}

TEST_F(EndpointsPlanTest, ResolvesANamedPortPerPod) {
  service_.spec.ports[0].target_port = "http";
  const auto with_port = [](api::Pod& pod, int number) {
    api::ContainerPort& port = pod.spec.containers.emplace_back().ports.emplace_back();
    port.name = "http";
    port.container_port = number;
  };
  with_port(add("a", "10.0.0.1"), 8001);
  with_port(add("b", "10.0.0.2"), 8002);
  with_port(add("c", "10.0.0.3"), 8001);
  const auto slices = desired_slices(service_, pods_);
  ASSERT_THAT(slices, SizeIs(2));
  EXPECT_EQ(slices[0].ports.at(0).port, 8001);
  EXPECT_THAT(slices[0].endpoints, SizeIs(2));
  EXPECT_EQ(slices[1].ports.at(0).port, 8002);
  EXPECT_THAT(desired_endpoints(service_, pods_).subsets, SizeIs(2));
}

TEST_F(EndpointsPlanTest, SplitsManyPodsIntoSlices) {
  for (int i = 0; i < 250; ++i)
    add("p" + std::to_string(1000 + i), "10.0.1." + std::to_string(i));
  const auto slices = desired_slices(service_, pods_);
  ASSERT_THAT(slices, SizeIs(3));
  EXPECT_THAT(slices[2].endpoints, SizeIs(50));
  EXPECT_NE(slices[0].metadata.name, slices[1].metadata.name);
}

TEST_F(EndpointsPlanTest, PublishesUnreadyPodsWhenTheServiceAsksForIt) {
  service_.spec.publish_not_ready_addresses = true;
  add("a", "10.0.0.1", "False");
  EXPECT_THAT(slice_addresses(), ElementsAre("10.0.0.1 ready"));
  EXPECT_THAT(desired_endpoints(service_, pods_).subsets.at(0).addresses, SizeIs(1));
}

TEST_F(EndpointsPlanTest, SortsEndpointsByReadiness) {
  add("a", "10.0.0.1");
  add("b", "10.0.0.2", "False");
  const api::Endpoints endpoints = desired_endpoints(service_, pods_);
  ASSERT_THAT(endpoints.subsets, SizeIs(1));
  EXPECT_EQ(endpoints.subsets[0].addresses.at(0).ip, "10.0.0.1");
  EXPECT_EQ(endpoints.subsets[0].not_ready_addresses.at(0).ip, "10.0.0.2");
  EXPECT_EQ(endpoints.subsets[0].ports.at(0).port, 8000);
}

TEST_F(EndpointsPlanTest, TouchesOnlyTheSlicesThatDiffer) {
  add("a", "10.0.0.1");
  const auto desired = desired_slices(service_, pods_);
  auto same = std::make_shared<api::EndpointSlice>(desired[0]);
  same->metadata.resource_version = "7";
  SlicePlan plan = plan_slices(desired, {same});
  EXPECT_TRUE(plan.create.empty() && plan.update.empty() && plan.remove.empty());

  auto stale = std::make_shared<api::EndpointSlice>(*same);
  stale->endpoints.clear();
  auto extra = std::make_shared<api::EndpointSlice>(*same);
  extra->metadata.name = "llm-service-extra";
  plan = plan_slices(desired, {stale, extra});
  ASSERT_THAT(plan.update, SizeIs(1));
  EXPECT_EQ(plan.update[0].metadata.resource_version, "7");
  EXPECT_THAT(plan.update[0].endpoints, SizeIs(1));
  EXPECT_THAT(plan.remove, SizeIs(1));
  EXPECT_TRUE(plan.create.empty());
}

TEST_F(EndpointsPlanTest, LeavesServicesWithoutSelectorAlone) {
  EXPECT_TRUE(selects_pods(service_));
  service_.spec.type = "ExternalName";
  EXPECT_FALSE(selects_pods(service_));
  service_.spec.type = "ClusterIP";
  service_.spec.selector.clear();
  EXPECT_FALSE(selects_pods(service_));
}

}  // namespace
}  // namespace insula::controllers
