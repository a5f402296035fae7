#pragma once

#include <string>

namespace insula::testing {

/// A certificate and its private key, both PEM.
struct Certificate {
  std::string pem;
  std::string key;
};

struct CertificateSubject {
  std::string common_name = "test";
  std::string organization = {};
  /// Of the subject alternative name, as OpenSSL writes it: "IP:127.0.0.1,DNS:a.test".
  std::string alternative_name = "IP:127.0.0.1";
};

/// A new P-256 key with a certificate that it signed itself, which is its own authority: enough for
/// both sides of a handshake. Valid for an hour.
[[nodiscard]] Certificate make_certificate(const CertificateSubject& subject);

}  // namespace insula::testing
