#pragma once

#include <string_view>

#include "api/kind.h"

namespace insula::api {

/// Whether a body of this apiVersion is read as the kind. An Eviction is the same in
/// policy/v1beta1, which kubectl before 1.22 sends, and which kube-apiserver still takes.
[[nodiscard]] inline bool is_version_of(const Kind& kind, std::string_view api_version) {
  if (api_version == kind.api_version()) return true;
  return kind.kind == "Eviction" && kind.group == "policy" && api_version == "policy/v1beta1";
}

}  // namespace insula::api
