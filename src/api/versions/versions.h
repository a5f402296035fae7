#pragma once

#include "api/gen/autoscaling_v1.h"
#include "api/gen/autoscaling_v2.h"
#include "api/gen/core_v1.h"
#include "api/gen/events_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/gen/gateway_v1beta1.h"

/// The versions that are stored as another, each with its two ways. all.cc lists them.
namespace insula::api {

void show(const Event& stored, EventV1& object);
void store(const EventV1& object, Event& stored);

void show(const HorizontalPodAutoscaler& stored, HorizontalPodAutoscalerV1& object);
void store(const HorizontalPodAutoscalerV1& object, HorizontalPodAutoscaler& stored);

void show(const GatewayClass& stored, GatewayClassV1beta1& object);
void store(const GatewayClassV1beta1& object, GatewayClass& stored);

void show(const Gateway& stored, GatewayV1beta1& object);
void store(const GatewayV1beta1& object, Gateway& stored);

void show(const HTTPRoute& stored, HTTPRouteV1beta1& object);
void store(const HTTPRouteV1beta1& object, HTTPRoute& stored);

void show(const ReferenceGrant& stored, ReferenceGrantV1beta1& object);
void store(const ReferenceGrantV1beta1& object, ReferenceGrant& stored);

}  // namespace insula::api
