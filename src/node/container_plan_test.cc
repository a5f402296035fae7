#include "node/container_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::node {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;

TEST(ContainerPlan, WhichGpusAContainerSeesIsNotThePodsToSay) {
  const api::Pod pod;
  const api::Container container;
  ResolvedImage image;
  image.entrypoint = {"/bin/true"};
  image.env = {"NVIDIA_VISIBLE_DEVICES=all"};
  const Sandbox sandbox;
  PlanInput input{pod, container, image, sandbox, {}, {}, {"GPU-1", "GPU-2"}, {"/dev/nvidia1"}};
  input.environment["CUDA_VISIBLE_DEVICES"] = "0,1,2,3";
  const auto plan = plan_container(std::move(input));
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_THAT(plan->env, IsSupersetOf({"NVIDIA_VISIBLE_DEVICES=GPU-1,GPU-2",
                                       "CUDA_VISIBLE_DEVICES=GPU-1,GPU-2"}));
  EXPECT_THAT(plan->env, Not(Contains("CUDA_VISIBLE_DEVICES=0,1,2,3")));
  EXPECT_THAT(plan->devices, ElementsAre("/dev/nvidia1"));
}

TEST(EphemeralResources, AreTheLimitsOfTheTargetOrTheSmallestOfThePod) {
  api::PodSpec spec;
  for (const auto& [name, bytes] :
       {std::pair("large", 200), std::pair("small", 100), std::pair("none", 0)}) {
    api::Container& container = spec.containers.emplace_back();
    container.name = name;
    container.resources.limits["memory"] = api::Quantity::of(bytes);
  }
  const auto memory_for = [&](const std::string& target) {
    return limits_of(ephemeral_resources(spec, target)).memory_bytes;
  };
  EXPECT_EQ(memory_for("large"), 200);
  EXPECT_EQ(memory_for(""), 100);
  EXPECT_EQ(memory_for("none"), 100);
  EXPECT_EQ(limits_of(ephemeral_resources(spec, "")).cpu_millis, 0) << "no container has one";
  spec.containers[0].resources.limits["cpu"] = api::Quantity::of(2);
  const Limits limits = limits_of(ephemeral_resources(spec, "large"));
  EXPECT_EQ(limits.cpu_millis, 2000);
  EXPECT_EQ(limits.cpu_request_millis, 1) << "nothing is set aside";
  spec.containers = {{.name = "a"}};
  spec.resources.emplace().limits["memory"] = api::Quantity::of(300);
  EXPECT_EQ(memory_for("a"), 300) << "the pod's own";
}

}  // namespace
}  // namespace insula::node
