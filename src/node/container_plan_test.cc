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

}  // namespace
}  // namespace insula::node
