#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace insula::net {

/// A request for a certificate (PKCS #10) whose signature proves that who asks has the key.
struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
};

/// Reads a request in PEM. Errors: kInvalid for anything but one block `CERTIFICATE REQUEST`, for a
/// signature that does not match, and for a key too weak to trust: RSA below 2048 bits, and other
/// than RSA, EC or Ed25519. Spec: RFC 2986.
[[nodiscard]] Result<CertificateRequest> parse_certificate_request(std::string_view pem);

/// A fresh key and a request for it, as PEM texts.
struct NewCertificateRequest {
  std::string key;
  std::string request;
};

/// With an EC key on P-256. Errors: kInvalid for a name that X.509 does not take (empty, or longer
/// than 64 characters).
[[nodiscard]] Result<NewCertificateRequest> make_certificate_request(
    const CertificateRequest& subject);

}  // namespace insula::net
