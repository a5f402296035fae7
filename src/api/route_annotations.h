#pragma once

#include "api/gen/meta_v1.h"
#include "api/routing.h"

namespace insula::api {

/// What of the edge of the tenant's own path holds for an Ingress or HTTPRoute, too.
struct RouteEdge {
  bool bounds = false;  // of headers and bodies
  bool cors = false;

  bool operator==(const RouteEdge&) const = default;
};

/// As the annotation kRouteEdgeAnnotation says. Of what is not understood all holds.
[[nodiscard]] RouteEdge route_edge(const ObjectMeta& metadata);

/// Whether kIngressAuthAnnotation can be understood. If not, nobody may send requests: the route is
/// served, and answers 403.
[[nodiscard]] Verdict judge_access(const ObjectMeta& metadata);

/// Whether kRouteEdgeAnnotation can be understood.
[[nodiscard]] Verdict judge_edge(const ObjectMeta& metadata);

/// The first of both that cannot.
[[nodiscard]] Verdict judge_annotations(const ObjectMeta& metadata);

}  // namespace insula::api
