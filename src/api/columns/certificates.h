#pragma once

#include <span>
#include <vector>

#include "api/gen/certificates_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> certificate_signing_request_columns();
[[nodiscard]] std::vector<Cell> cells(const CertificateSigningRequest& object, WallTime now);

}  // namespace insula::api
