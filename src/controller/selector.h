#pragma once

#include <map>
#include <string>

#include "api/gen/meta_v1.h"

namespace insula::controller {

using LabelMap = std::map<std::string, std::string>;

/// Whether every entry of `wanted` is among `labels`. An empty `wanted` matches everything.
[[nodiscard]] bool contains(const LabelMap& labels, const LabelMap& wanted);

/// Spec: Kubernetes LabelSelector; an empty selector matches everything. An operator that is not
/// known matches nothing.
[[nodiscard]] bool matches(const api::LabelSelector& selector, const LabelMap& labels);

}  // namespace insula::controller
