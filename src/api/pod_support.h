#pragma once

#include <string>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/core_v1.h"

namespace insula::api {

/// What a pod asks for that is stored and shown but that no node does anything about, as texts for
/// Warning headers, each with the field's path below `path` (`spec`, `spec.template.spec`).
[[nodiscard]] std::vector<std::string> unsupported_fields(const PodSpec& spec,
                                                          const FieldPath& path);

/// Whether a probe or hook of the container names a host of its own. The node makes these
/// connections from its own network, so this reaches what the pod itself cannot.
[[nodiscard]] bool names_probe_host(const Container& container);

}  // namespace insula::api
