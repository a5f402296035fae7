#pragma once

#include <string_view>

#include "api/gen/meta_v1.h"
#include "apiserver/registry.h"
#include "base/error.h"

namespace insula::apiserver {

/// `Operation cannot be fulfilled on pods "x": why`.
[[nodiscard]] std::unexpected<Error> conflict(const Target& target, std::string_view why);

/// What a writer says about the identity of the present object, in the object that is to take its
/// place: name, namespace, uid and the version that was seen. Errors: kBadRequest, kConflict, and
/// kInvalid where a kind wants a version and there is none.
[[nodiscard]] Result<> check_identity(const Target& target,
                                      const api::ObjectMeta& next,
                                      const api::ObjectMeta& present);

/// What a deletion asks of the present object. Errors: kConflict.
[[nodiscard]] Result<> check_preconditions(const Target& target,
                                           const DeleteQuery& query,
                                           const api::ObjectMeta& present);

}  // namespace insula::apiserver
