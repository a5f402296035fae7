#include "api/versions/versions.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_objects.h"
#include "api/version.h"
#include "json/write.h"

namespace insula::api {
namespace {

TEST(Versions, EachKindThatIsStoredAsAnotherHasOne) {
  int versions = 0;
  for (const Kind* kind : kinds()) {
    if (kind->stored_as == nullptr) continue;
    ++versions;
    EXPECT_EQ(&version_of(*kind).kind(), kind);
    EXPECT_EQ(kind->storage().stored_as, nullptr);
    EXPECT_EQ(kind->storage().plural, kind->plural);
  }
  EXPECT_EQ(versions, 6);
  EXPECT_EQ(std::ranges::count_if(kinds(), &Kind::is_stored), stored_kinds().size() + 6);
}

TEST(Versions, AnEventIsTheSameInBothGroups) {
  const TestObject read = read_object(
      "apiVersion: events.k8s.io/v1\nkind: Event\neventTime: "
      "'2026-01-01T00:00:00.000001Z'\nseries: "
      "{count: 3, lastObservedTime: '2026-01-01T00:00:01.000000Z'}\nreportingController: c\n"
      "reportingInstance: i\naction: a\nreason: r\nregarding: {kind: Pod, name: p}\nrelated: "
      "{name: "
      "q}\nnote: n\ntype: Normal\ndeprecatedSource: {component: s}\ndeprecatedFirstTimestamp: "
      "'2026-01-01T00:00:00Z'\ndeprecatedLastTimestamp: '2026-01-01T00:00:02Z'\ndeprecatedCount: "
      "4");
  Event stored;
  store(read.as<EventV1>(), stored);
  EXPECT_EQ(stored.message, "n");
  EXPECT_EQ(stored.involved_object.name, "p");
  EXPECT_EQ(stored.series->count, 3);
  EventV1 again;
  show(stored, again);
  EXPECT_EQ(json::write(to_json(again)), json::write(to_json(read.as<EventV1>())));
}

TEST(Versions, TheFirstAutoscalerKeepsWhatItCannotSay) {
  const TestObject read = created(
      "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec: {scaleTargetRef: {kind: "
      "Deployment, name: d}, maxReplicas: 5, behavior: {scaleDown: {selectPolicy: Disabled}}, "
      "metrics: [{type: Pods, pods: {metric: {name: m}, target: {type: AverageValue, averageValue: "
      "5}}}, {type: Resource, resource: {name: cpu, target: {type: Utilization, "
      "averageUtilization: "
      "60}}}]}");
  auto& stored = read.as<HorizontalPodAutoscaler>();
  HorizontalPodAutoscalerV1 first;
  show(stored, first);
  EXPECT_EQ(first.spec.target_cpu_utilization_percentage, 60);
  EXPECT_EQ(first.spec.max_replicas, 5);

  HorizontalPodAutoscaler same = stored;
  store(first, same);
  EXPECT_EQ(same, stored);

  first.spec.target_cpu_utilization_percentage = 70;
  first.spec.max_replicas = 9;
  store(first, stored);
  EXPECT_EQ(stored.spec.max_replicas, 9);
  ASSERT_EQ(stored.spec.metrics.size(), 2U);
  EXPECT_EQ(stored.spec.metrics[0].pods->metric.name, "m");
  EXPECT_EQ(stored.spec.metrics[1].resource->target.average_utilization, 70);
  EXPECT_EQ(stored.spec.behavior->scale_down->select_policy, "Disabled");

  first.spec.target_cpu_utilization_percentage.reset();
  store(first, stored);
  EXPECT_EQ(stored.spec.metrics.size(), 1U);
}

}  // namespace
}  // namespace insula::api
