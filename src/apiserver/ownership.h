#pragma once

#include <string_view>

#include "api/gen/core_v1.h"

namespace insula::apiserver {

/// The Tenant that a namespace belongs to; empty for none. Its controlling owner decides, never a
/// label. Lifetime: a view into `name_space`.
[[nodiscard]] std::string_view tenant_of(const api::Namespace& name_space);

}  // namespace insula::apiserver
