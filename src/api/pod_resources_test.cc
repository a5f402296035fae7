#include "api/pod_resources.h"

#include <map>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/resize_hold.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

PodSpec read(std::string_view yaml) {
  return *decode_json<PodSpec>(*json::parse_yaml_document(yaml));
}

std::string text(const std::map<std::string, Quantity>& amounts) {
  std::string out;
  for (const auto& [name, amount] : amounts)
    out += (out.empty() ? "" : " ") + name + "=" + amount.text();
  return out;
}

TEST(PodRequests, AddContainersAndOverhead) {
  const PodSpec spec = read(
      "containers: [{resources: {requests: {cpu: 500m, memory: 1Gi}}}, {resources: {requests: "
      "{cpu: 1, "
      "nvidia.com/gpu: 1}}}]\noverhead: {cpu: 100m}");
  EXPECT_EQ(text(pod_requests(spec)), "cpu=1600m memory=1Gi nvidia.com/gpu=1");
}

TEST(PodRequests, AreThePeakOfInitContainersWhenThatIsMore) {
  const PodSpec spec = read(
      "initContainers: [{resources: {requests: {cpu: 3, memory: 1Gi}}}, {resources: {requests: "
      "{cpu: 2}}}]\n"
      "containers: [{resources: {requests: {cpu: 1, memory: 2Gi}}}]");
  EXPECT_EQ(text(pod_requests(spec)), "cpu=3 memory=2Gi");
}

TEST(PodRequests, CountSidecarsBesideEverythingAfterThem) {
  const PodSpec spec = read(
      "initContainers: [{restartPolicy: Always, resources: {requests: {cpu: 1}}}, {resources: "
      "{requests: {cpu: 3}}}]\n"
      "containers: [{resources: {requests: {cpu: 2}}}]");
  EXPECT_EQ(text(pod_requests(spec)), "cpu=4");
}

TEST(PodLimits, TakeOverheadOnlyWhereThereIsALimit) {
  const PodSpec spec =
      read("containers: [{resources: {limits: {memory: 1Gi}}}]\noverhead: {cpu: 1, memory: 1Gi}");
  EXPECT_EQ(text(pod_limits(spec)), "memory=2Gi");
}

TEST(QosClass, FollowsRequestsAndLimitsOfCpuAndMemory) {
  EXPECT_EQ(qos_class(read("containers: [{}]")), "BestEffort");
  EXPECT_EQ(qos_class(read("containers: [{resources: {limits: {nvidia.com/gpu: 1}}}]")),
            "BestEffort");
  EXPECT_EQ(qos_class(read("containers: [{resources: {requests: {cpu: 1}}}]")), "Burstable");
  EXPECT_EQ(qos_class(read("containers: [{resources: {limits: {cpu: 1, memory: 1Gi}}}]")),
            "Guaranteed");
  EXPECT_EQ(qos_class(read("containers: [{resources: {limits: {cpu: 1, memory: 1Gi}}}, {}]")),
            "Burstable");
  EXPECT_EQ(
      qos_class(read(
          "containers: [{resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}}}]")),
      "Burstable");
}

Pod read_pod(const std::string& wanted, const std::string& status) {
  return *decode_json<Pod>(*json::parse_yaml_document(
      "spec: {containers: [{name: c, resources: {requests: {cpu: " + wanted +
      "}, limits: {cpu: 4}}}]}\nstatus: {" + status + "}"));
}

std::string reported(const std::string& granted, const std::string& has) {
  return "containerStatuses: [{name: c, allocatedResources: {cpu: " + granted +
         "}, resources: {requests: {cpu: " + has + "}, limits: {cpu: 5}}}]";
}

std::map<std::string, Quantity> counted(const Pod& pod) {
  return pod_requests(pod, InfeasibleResize::kLeftOut);
}

std::map<std::string, Quantity> counted_limits(const Pod& pod) {
  return pod_limits(pod, InfeasibleResize::kLeftOut);
}

TEST(PodRequests, AreTheMostOfWhatIsWantedGrantedAndHadDuringAResize) {
  EXPECT_EQ(text(counted(read_pod("2", ""))), "cpu=2");
  EXPECT_EQ(text(counted(read_pod("2", reported("1", "1")))), "cpu=2");
  EXPECT_EQ(text(counted(read_pod("1", reported("2", "1")))), "cpu=2");
  EXPECT_EQ(text(counted(read_pod("1", reported("1", "3")))), "cpu=3");
  EXPECT_EQ(text(counted_limits(read_pod("1", reported("1", "3")))), "cpu=5");
}

TEST(PodRequests, LeaveOutAResizeThatIsInfeasible) {
  const std::string refused =
      ", conditions: [{type: PodResizePending, status: 'True', reason: Infeasible}]";
  EXPECT_EQ(text(counted(read_pod("9", reported("1", "1") + refused))), "cpu=1");
  EXPECT_EQ(text(counted_limits(read_pod("9", reported("1", "1") + refused))), "cpu=5");
  EXPECT_EQ(
      text(pod_requests(read_pod("9", reported("1", "1") + refused), InfeasibleResize::kCounts)),
      "cpu=9");
}

Pod resized(const std::string& memory, std::int64_t generation, const Pod* old = nullptr) {
  Pod out = *decode_json<Pod>(*json::parse_yaml_document(
      "spec: {nodeName: n, containers: [{name: c, resources: {limits: {memory: " + memory +
      "}}}]}\nstatus: {observedGeneration: 1}"));
  out.metadata.generation = generation;
  if (old != nullptr) update_resize_hold(out, *old);
  return out;
}

std::string charged_limits(const Pod& pod) {
  return text(pod_limits(pod, InfeasibleResize::kCounts));
}

TEST(ResizeHold, IsTheMostOfWhatTheNodeHasNotObserved) {
  const Pod first = resized("1Gi", 1);
  const Pod second = resized("9Gi", 2, &first);
  const Pod third = resized("2Gi", 3, &second);
  const Pod fourth = resized("512Mi", 4, &third);
  EXPECT_EQ(charged_limits(fourth), "memory=9Gi");
  Pod seen = fourth;
  seen.status.observed_generation = 3;
  update_resize_hold(seen, fourth);
  EXPECT_EQ(charged_limits(seen), "memory=9Gi");
  seen.status.observed_generation = 4;
  update_resize_hold(seen, fourth);
  EXPECT_EQ(charged_limits(seen), "memory=512Mi");
  EXPECT_TRUE(seen.metadata.annotations.empty());
}

TEST(ResizeHold, IsNotTheWritersToChange) {
  const Pod first = resized("9Gi", 1);
  const Pod second = resized("1Gi", 2, &first);
  Pod third = second;
  third.metadata.annotations[kResizeHoldAnnotation] = "{}";
  update_resize_hold(third, second);
  EXPECT_EQ(charged_limits(third), "memory=9Gi");
  Pod forged = first;
  forged.metadata.annotations[kResizeHoldAnnotation] = R"({"c":{"limits":{"memory":"1Ti"}}})";
  update_resize_hold(forged, first);
  EXPECT_EQ(charged_limits(forged), "memory=9Gi");
}

TEST(ResizeHold, IsNothingBeforeThePodHasANode) {
  Pod first = resized("9Gi", 1);
  first.spec.node_name.clear();
  const Pod second = resized("1Gi", 2, &first);
  EXPECT_EQ(charged_limits(second), "memory=1Gi");
}

}  // namespace
}  // namespace insula::api
