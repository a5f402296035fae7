#pragma once

#include <string>
#include <string_view>

namespace insula::api {

/// OpenAPI v2 of the API, without definitions: those are in OpenAPI v3. kubectl asks for it all the
/// same before it sends a `List`, finds no definition to hold the items to, and leaves that to the
/// server, which holds each of them to its fields.
[[nodiscard]] std::string openapi_v2_json();

/// The same as gnostic's openapi.v2.Document, the one form that kubectl asks for.
[[nodiscard]] std::string openapi_v2_protobuf();

/// How the protobuf form is named in Content-Type, and in Accept with `@` for the last but one dot.
inline constexpr std::string_view kOpenApiV2Protobuf =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
inline constexpr std::string_view kOpenApiV2ProtobufAccept =
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

}  // namespace insula::api
