#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/discovery.h"
#include "api/kind.h"

/// OpenAPI v3 documents from the field tables: what `kubectl explain`, client-side validation and
/// client-side apply read.
namespace insula::api {

/// `GET /openapi/v3`: where the document of each group and version is. The hash in its URLs changes
/// when the tables do, so clients may keep a document for good.
[[nodiscard]] std::string openapi_index(KindList served = kinds());

/// `GET /openapi/v3/<path>`, path being `api/v1` or `apis/<group>/<version>`; nullopt when nothing
/// is served there. Cost: some milliseconds and megabytes for the core group; built at each call.
[[nodiscard]] std::optional<std::string> openapi_document(std::string_view path,
                                                          KindList served = kinds());

}  // namespace insula::api
