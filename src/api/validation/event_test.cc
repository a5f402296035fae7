#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "api/gen/events_v1.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Event, FollowsStricterRulesThroughTheNewApi) {
  const Kind& version = kind_of<EventV1>();
  const auto wrong_new = [&](const Event& event) {
    return causes_of(check_create(version, &event));
  };
  Event event = created(
                    "{apiVersion: v1, kind: Event, metadata: {name: e, namespace: a}, "
                    "involvedObject: {kind: Pod, namespace: a, name: p}, type: Odd, count: 3}")
                    .as<Event>();
  EXPECT_THAT(causes_of(check_create(kind_of<Event>(), &event)), IsEmpty());
  EXPECT_THAT(wrong_new(event), ElementsAre("eventTime: Required value",
                                            "type: Invalid value: \"\": has invalid value: Odd",
                                            "count: Invalid value: \"\": needs to be unset"));
  event.event_time = MicroTime::parse("2026-01-01T00:00:00.000001Z").value();
  event.type = "Normal";
  event.count = 0;
  event.reporting_instance = std::string(129, 'i');
  event.action = "a";
  event.reason = "r";
  event.series.emplace(EventSeries{.count = 1});
  EXPECT_THAT(wrong_new(event),
              ElementsAre("reportingController: Required value",
                          "reportingController: Invalid value: \"\": name part must be non-empty",
                          HasSubstr("reportingController: Invalid value: \"\": name part must"),
                          "reportingInstance: Invalid value: \"\": can have at most 128 characters",
                          "series.count: Invalid value: \"\": should be at least 2",
                          "series.lastObservedTime: Required value"));
}

TEST(Event, GoesOnOnlyAsASeriesThroughTheNewApi) {
  const Event old = created(
                        "{apiVersion: v1, kind: Event, metadata: {name: e, namespace: a}, "
                        "eventTime: '2026-01-01T00:00:00.000001Z', reportingComponent: c/d, "
                        "reportingInstance: i, action: a, reason: r, type: Normal, "
                        "involvedObject: {kind: Pod, namespace: a, name: p}}")
                        .as<Event>();
  const auto wrong_now = [&](const Event& now) {
    return causes_of(check_update(kind_of<EventV1>(), &now, &old, ""));
  };
  Event now = old;
  now.series.emplace(EventSeries{.count = 2, .last_observed_time = old.event_time});
  EXPECT_THAT(wrong_now(now), IsEmpty());
  now.reason = "q";
  now.count = 3;
  now.involved_object.name = "q";
  EXPECT_THAT(wrong_now(now),
              ElementsAre("involvedObject: Invalid value: {\"Kind\":\"Pod\",\"Namespace\":\"a\","
                          "\"Name\":\"q\",\"UID\":\"\",\"APIVersion\":\"\",\"ResourceVersion\":"
                          "\"\",\"FieldPath\":\"\"}: field is immutable",
                          "reason: Invalid value: \"q\": field is immutable",
                          "count: Invalid value: 3: field is immutable"));
  EXPECT_THAT(causes_of(check_update(kind_of<Event>(), &now, &old, "")), IsEmpty());
}

}  // namespace
}  // namespace insula::api
