#pragma once

#include <string>
#include <string_view>

#include "api/gen/apiextensions_v1.h"
#include "base/error.h"

namespace insula::api {

/// Levels of schemas within schemas that are read; each is up to two levels of JSON.
inline constexpr int kSchemaDepthMax = 100;

/// Reads the protobuf form of a definition, with its envelope. The field tables know all of it but
/// the schemas, which are messages there and JSON everywhere else.
///
/// Errors: kBadRequest for what is no such message, a schema that is nested too deeply, or a
/// default, enumeration or example that is no JSON.
/// Spec: Kubernetes 1.36, apiextensions.k8s.io/v1 generated.proto, JSONSchemaProps.
[[nodiscard]] Result<> decode_definition_protobuf(std::string_view bytes,
                                                  CustomResourceDefinition& definition);

/// Appends the bare message of a definition, its schemas included. What is no schema (an
/// enumeration that is no list) is left out.
void encode_definition_protobuf(const CustomResourceDefinition& definition, std::string& out);

}  // namespace insula::api
