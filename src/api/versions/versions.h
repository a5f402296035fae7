#pragma once

#include "api/gen/autoscaling_v1.h"
#include "api/gen/autoscaling_v2.h"
#include "api/gen/core_v1.h"
#include "api/gen/events_v1.h"

/// The versions that are stored as another, each with its two ways. all.cc lists them.
namespace insula::api {

void show(const Event& stored, EventV1& object);
void store(const EventV1& object, Event& stored);

void show(const HorizontalPodAutoscaler& stored, HorizontalPodAutoscalerV1& object);
void store(const HorizontalPodAutoscalerV1& object, HorizontalPodAutoscaler& stored);

}  // namespace insula::api
