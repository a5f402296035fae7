#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/discovery.h"
#include "api/kind.h"

/// OpenAPI v3 documents from the field tables: what `kubectl explain`, client-side validation and
/// client-side apply read.
namespace insula::api {

/// The URL of the document of each group and version, by its path (`apis/apps/v1`). The hash in it
/// changes when the document does, so clients may keep for good what they got there.
[[nodiscard]] std::map<std::string, std::string> openapi_urls(KindList served = kinds());

/// `GET /openapi/v3`: these URLs.
[[nodiscard]] std::string openapi_index(KindList served = kinds());

/// `GET /openapi/v3/<path>`, path being `api/v1` or `apis/<group>/<version>`; nullopt when nothing
/// is served there. Cost: some milliseconds and megabytes for the core group; built at each call.
[[nodiscard]] std::optional<std::string> openapi_document(std::string_view path,
                                                          KindList served = kinds());

}  // namespace insula::api
