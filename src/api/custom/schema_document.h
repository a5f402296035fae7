#pragma once

#include <string_view>

#include "json/value.h"

namespace insula::api {

/// What OpenAPI documents call the schema of a schema.
inline constexpr std::string_view kSchemaProps =
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// How OpenAPI documents describe the schemas of CustomResourceDefinitions: the schema of that name
/// and all it refers to.
[[nodiscard]] json::Object schema_props();

}  // namespace insula::api
