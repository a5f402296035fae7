#pragma once

#include "api/codec.h"
#include "api/kind.h"
#include "apiserver/object.h"
#include "base/error.h"
#include "json/value.h"

/// Objects of a write that admission changes as JSON.
namespace insula::apiserver {

/// `before`, of the kind `stored`, as `document` says it is to be, and with its defaults. The
/// document shows the object as `version` does, a version of that kind; what this one does not show
/// stays as it was.
/// Errors: kBadRequest for what is no object of that version, and as the strictness says.
[[nodiscard]] Result<Object> changed_object(const api::Kind& stored,
                                            const api::Kind& version,
                                            const void* before,
                                            json::Value document,
                                            api::Strictness strictness);

/// Whether two objects are one: of the same name, namespace and uid.
[[nodiscard]] bool is_same_object(const api::Kind& kind, const void* a, const void* b);

}  // namespace insula::apiserver
