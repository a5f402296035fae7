#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"

namespace insula::api {

/// The kInvalid error of an object that breaks rules, in Kubernetes' words:
/// `Pod "x" is invalid: spec.containers[0].image: Required value`, several causes in `[a, b]`.
/// `kind` is written with its group: `Deployment.apps`. It is what the error is about.
/// Requires: at least one cause.
[[nodiscard]] Error invalid(std::string_view kind,
                            std::string_view group,
                            std::string_view name,
                            std::vector<FieldCause> causes);

}  // namespace insula::api
