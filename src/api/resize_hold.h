#pragma once

#include "api/gen/core_v1.h"

/// Amounts that the node of a pod may hold without having said so yet: those that were asked for
/// since the generation that its status last observed. They are kept in an annotation that only the
/// server writes, so that nobody lowers what a pod is charged faster than its node lets go of it.
namespace insula::api {

inline constexpr const char* kResizeHoldAnnotation = "insula.dev/resize-hold";

/// Brings the annotation of a pod that is about to replace `old` up to date. What the writer says
/// of it has no effect.
void update_resize_hold(Pod& pod, const Pod& old);

/// Raises the amounts of each container to what the node of the pod may still hold for it.
void take_resize_hold(PodSpec& spec, const Pod& pod);

}  // namespace insula::api
