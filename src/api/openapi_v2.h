#pragma once

#include <string>
#include <string_view>

#include "api/discovery.h"
#include "api/kind.h"
#include "json/value.h"

/// OpenAPI v2 from the OpenAPI v3 documents: what kubectl before 1.27 and helm 3 check objects with
/// and explain fields from. Definitions are complete; of the paths only those are there that can be
/// patched, where older kubectls look whether the server knows dry runs.
namespace insula::api {

/// How the protobuf form is named in Content-Type, and in Accept with `@` for the last but one dot.
inline constexpr std::string_view kOpenApiV2Protobuf =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
inline constexpr std::string_view kOpenApiV2ProtobufAccept =
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// The document. Cost: some tens of milliseconds and megabytes; built at each call.
[[nodiscard]] json::Value openapi_v2(KindList served = kinds());

/// The same as gnostic's openapi.v2.Document, the one form that kubectl asks for. Takes what
/// openapi_v2() makes; other members of OpenAPI v2 are left out.
/// Spec: github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto (field numbers).
[[nodiscard]] std::string openapi_v2_protobuf(const json::Value& document);

}  // namespace insula::api
