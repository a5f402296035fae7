#pragma once

#include <string_view>

#include "api/kind.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

/// What a write of a CustomResourceDefinition, or of one of its objects, means for the others. All
/// of it happens in the write's transaction, on the pending head; for other kinds nothing does.
namespace insula::apiserver {

/// The definition of a custom kind is there and not being deleted.
/// Errors: kNotFound, kForbidden.
[[nodiscard]] Result<> definition_lifecycle(const store::Transaction& transaction,
                                            const api::Kind& kind,
                                            std::string_view name);

/// Accepts the names of a definition that is written, and establishes it, so that its kind is
/// served once the write is visible.
void name_definition(const store::Transaction& transaction,
                     const api::Kind& kind,
                     void* object,
                     WallTime now);

/// Accepts names of other definitions of the group that this one, which was written or removed, has
/// given up.
void name_other_definitions(store::Transaction& transaction,
                            const api::Kind& kind,
                            const void* object,
                            WallTime now);

}  // namespace insula::apiserver
