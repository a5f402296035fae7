#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string pod(const std::string& container, const std::string& spec = "") {
  return "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{name: c, image: i" + container +
         "}]\n" + spec;
}

std::string with_ephemeral(const std::string& list) {
  return pod("", "  ephemeralContainers: [" + list + "]\n");
}

std::vector<std::string> wrong_ephemeral(const std::string& before, const std::string& after) {
  return wrong_change(before, after, "ephemeralcontainers");
}

std::vector<std::string> wrong_resize(const std::string& before, const std::string& after) {
  return wrong_change(before, after, "resize");
}

TEST(EphemeralContainers, AreAdded) {
  EXPECT_THAT(wrong_ephemeral(pod(""), with_ephemeral("{name: e, image: i}")), IsEmpty());
  EXPECT_THAT(wrong_ephemeral(with_ephemeral("{name: e, image: i}"),
                              with_ephemeral("{name: f, image: i}, {name: e, image: i, "
                                             "terminationMessagePolicy: File}")),
              IsEmpty());
}

TEST(EphemeralContainers, AreNotAddedByAPlainUpdate) {
  EXPECT_THAT(wrong_change(pod(""), with_ephemeral("{name: e, image: i}")),
              ElementsAre(StartsWith("spec: Forbidden: pod updates may not change fields other")));
}

TEST(EphemeralContainers, AreNeitherChangedNorRemoved) {
  const std::string before = with_ephemeral("{name: e, image: i}");
  EXPECT_THAT(wrong_ephemeral(before, with_ephemeral("{name: e, image: other}")),
              ElementsAre("spec.ephemeralContainers: Forbidden: existing ephemeral containers "
                          "\"e\" may not be changed\nchanged: spec.ephemeralContainers.image"));
  EXPECT_THAT(wrong_ephemeral(before, pod("")),
              ElementsAre("spec.ephemeralContainers: Forbidden: existing ephemeral containers "
                          "\"e\" may not be removed\n"));
}

TEST(EphemeralContainers, AreNamedLikeNoOtherAndLookAtOneThatIsThere) {
  EXPECT_THAT(
      wrong_ephemeral(pod(""), with_ephemeral("{name: c, image: i}, {name: E, image: i, "
                                              "targetContainerName: nobody}")),
      ElementsAre("spec.ephemeralContainers[0].name: Duplicate value: \"c\"",
                  StartsWith("spec.ephemeralContainers[1].name: Invalid value: \"E\""),
                  "spec.ephemeralContainers[1].targetContainerName: Not found: \"nobody\""));
}

TEST(EphemeralContainers, HaveNothingThatAPodCouldComeToDependOn) {
  EXPECT_THAT(
      wrong_ephemeral(
          pod("", "  volumes: [{name: v, emptyDir: {}}]\n"),
          pod("",
              "  ephemeralContainers: [{name: e, image: i, ports: [{containerPort: 80}], "
              "resources: {limits: {cpu: 1}}, livenessProbe: {exec: {command: [x]}}, "
              "restartPolicy: Always, lifecycle: {preStop: {exec: {command: [x]}}}, "
              "volumeMounts: [{name: v, mountPath: /v, subPath: a}]}]\n")),
      ElementsAre(
          "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
          "spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral "
          "Container",
          "spec.ephemeralContainers[0].restartPolicy: Forbidden: cannot be set for an Ephemeral "
          "Container",
          "spec.ephemeralContainers[0].livenessProbe: Forbidden: cannot be set for an Ephemeral "
          "Container",
          "spec.ephemeralContainers[0].lifecycle: Forbidden: cannot be set for an Ephemeral "
          "Container",
          "spec.ephemeralContainers[0].volumeMounts[0].subPath: Forbidden: cannot be set for an "
          "Ephemeral Container"));
}

TEST(EphemeralContainers, AreAllThatTheirSubresourceChanges) {
  const TestObject old = created(pod(""));
  const TestObject now = read_object(
      pod(", workingDir: /w", "  hostname: h\n  ephemeralContainers: [{name: e, image: i}]\n") +
      "metadata: {labels: {a: b}}\n");
  prepare_update(*now.kind, now.object.get(), old.object.get(), "ephemeralcontainers");
  Pod& result = now.as<Pod>();
  EXPECT_THAT(result.metadata.labels, IsEmpty());
  EXPECT_EQ(result.metadata.generation, 2);
  ASSERT_EQ(result.spec.ephemeral_containers.size(), 1U);
  result.spec.ephemeral_containers.clear();
  EXPECT_EQ(result.spec, old.as<Pod>().spec);
}

constexpr const char* kSmall = ", resources: {requests: {cpu: 1, memory: 1Gi}}";
constexpr const char* kLarge = ", resources: {requests: {cpu: 2, memory: 2Gi}, limits: {cpu: 3}}";

TEST(Resize, ChangesCpuAndMemory) {
  EXPECT_THAT(wrong_resize(pod(kSmall), pod(kLarge)), IsEmpty());
  EXPECT_THAT(wrong_resize(pod(kLarge), pod(", resources: {requests: {cpu: 500m, memory: 2Gi}, "
                                            "limits: {cpu: 1}}")),
              IsEmpty());
}

TEST(Resize, IsNotDoneByAPlainUpdate) {
  EXPECT_THAT(wrong_change(pod(kSmall), pod(kLarge)),
              ElementsAre(StartsWith("spec: Forbidden: pod updates may not change fields other")));
}

TEST(Resize, KeepsTheQualityOfService) {
  EXPECT_THAT(wrong_resize(pod(kSmall), pod(", resources: {limits: {cpu: 1, memory: 1Gi}}")),
              ElementsAre("spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a "
                          "result of resizing"));
}

TEST(Resize, TakesNothingAway) {
  EXPECT_THAT(wrong_resize(pod(kLarge), pod(", resources: {requests: {cpu: 2}}")),
              ElementsAre("spec.containers[0].resources.requests: Forbidden: resource requests "
                          "cannot be removed",
                          "spec.containers[0].resources.limits: Forbidden: resource limits cannot "
                          "be removed"));
}

TEST(Resize, ChangesNothingElse) {
  EXPECT_THAT(
      wrong_resize(pod(kSmall),
                   pod(", resources: {requests: {cpu: 1, memory: 1Gi, ephemeral-storage: 1Gi}}")),
      ElementsAre("spec: Forbidden: only cpu and memory resources are mutable"));
  EXPECT_THAT(wrong_resize(pod(kSmall), pod(std::string(kSmall) +
                                            ", resizePolicy: [{resourceName: cpu, restartPolicy: "
                                            "RestartContainer}]")),
              ElementsAre("spec: Forbidden: only cpu and memory resources are mutable"));
  EXPECT_THAT(wrong_resize(pod(kSmall),
                           "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: d, "
                           "image: i}]}"),
              ElementsAre(StartsWith("spec: Invalid value"),
                          "spec.containers[0].name: Forbidden: containers may not be renamed or "
                          "reordered on resize"));
  EXPECT_THAT(wrong_resize(pod(kSmall),
                           "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, "
                           "image: i, resources: {requests: {cpu: 1}}}, "
                           "{name: d, image: i}]}"),
              ElementsAre("spec.containers: Forbidden: containers may not be added or removed on "
                          "resize"));
}

TEST(Resize, LeavesInitContainersAloneThatWouldBeRestarted) {
  const auto with_init = [](const std::string& more) {
    return pod(kSmall, "  initContainers: [{name: a, image: i" + more + "}]\n");
  };
  const std::string policy =
      ", resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]";
  EXPECT_THAT(wrong_resize(with_init(""), with_init(", resources: {requests: {cpu: 1}}")),
              IsEmpty());
  EXPECT_THAT(
      wrong_resize(with_init(policy), with_init(policy + ", resources: {requests: {cpu: 1}}")),
      ElementsAre("spec.initContainers[0]: Forbidden: non-sidecar init containers with a "
                  "resize policy of RestartContainer cannot be resized"));
}

TEST(Resize, IsRefusedForPodsWithResourcesOfTheirOwn) {
  const std::string own = "  resources: {requests: {cpu: 2}}\n";
  EXPECT_THAT(wrong_resize(pod(kSmall, own), pod(kLarge, own)),
              ElementsAre("spec.resources: Forbidden: resize of pods with pod-level resources is "
                          "not supported by this server"));
}

}  // namespace
}  // namespace insula::api
