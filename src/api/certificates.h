#pragma once

#include <string_view>

#include "api/gen/certificates_v1.h"

namespace insula::api {

inline constexpr const char* kCertificatesGroup = "certificates.k8s.io";

/// Signs certificates with which the API server knows its clients.
inline constexpr const char* kClientSigner = "kubernetes.io/kube-apiserver-client";

inline constexpr const char* kCertificateApproved = "Approved";
inline constexpr const char* kCertificateDenied = "Denied";
inline constexpr const char* kCertificateFailed = "Failed";

[[nodiscard]] bool has_condition(const CertificateSigningRequest& request, std::string_view type);

}  // namespace insula::api
