#pragma once

#include <string>
#include <vector>

#include "json/value.h"

namespace insula::api {

/// Brings a schema of a CustomResourceDefinition into the form that Kubernetes keeps, so that the
/// same schema is the same text whether it came as JSON or protobuf: keywords in one order, named
/// schemas by name, none that say nothing (an empty list, `nullable: false`). Members that are no
/// keywords are taken off; `unknown` gets where they were, below `path`. What is of a wrong type
/// stays as it is, for validation.
///
/// Spec: Kubernetes 1.36, apiextensions.k8s.io/v1 JSONSchemaProps, as it is written to JSON.
void normalise_schema(json::Value& schema,
                      const std::string& path = {},
                      std::vector<std::string>* unknown = nullptr);

}  // namespace insula::api
