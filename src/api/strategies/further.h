#pragma once

#include "api/strategy.h"

namespace insula::api {

[[nodiscard]] const KindStrategy& api_service_strategy();
[[nodiscard]] const KindStrategy& ip_address_strategy();
[[nodiscard]] const KindStrategy& scale_strategy();
[[nodiscard]] const KindStrategy& service_cidr_strategy();
[[nodiscard]] const KindStrategy& volume_attributes_class_strategy();

}  // namespace insula::api
