#pragma once

#include <string>

#include "api/kind.h"
#include "apiserver/output.h"
#include "store/entry.h"

namespace insula::apiserver {

/// The columns of a Table, a JSON array.
[[nodiscard]] std::string column_definitions(const api::Kind& kind);

/// The row of one object.
[[nodiscard]] std::string table_row(const api::Kind& kind,
                                    const store::EntryPtr& entry,
                                    const OutputOptions& options);

}  // namespace insula::apiserver
