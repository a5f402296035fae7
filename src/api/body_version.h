#pragma once

#include <string>
#include <string_view>

#include "api/kind.h"
#include "api/schema.h"
#include "base/error.h"

namespace insula::api {

/// Whether a body that says it is a `name` of `api_version` can be read as the kind; where it says
/// nothing (empty) it is. Bodies of the meta group (DeleteOptions) come under any group's version,
/// and an Eviction is the same in policy/v1beta1, which kubectl before 1.22 sends and
/// kube-apiserver still takes. Errors: kBadRequest, in Kubernetes' words.
[[nodiscard]] Result<> check_body_kind(const Kind& kind,
                                       std::string_view name,
                                       std::string_view api_version);

/// What Kubernetes calls a kind that is built in where it tells of itself: `core.Pod`.
[[nodiscard]] std::string internal_name(const Kind& kind);

/// What is said of a body that is no object of any kind. Options are told of without their kind.
[[nodiscard]] Error unrecognized(const TypeInfo& type, Error why, std::string_view body);

/// `why`, as the reason why a body of this type cannot be read.
[[nodiscard]] Error unreadable(const TypeInfo& type, Error why);

}  // namespace insula::api
