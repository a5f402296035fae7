#include "api/columns/certificates.h"

#include <chrono>
#include <string>

#include "api/certificates.h"
#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kColumns[] = {
    kNameColumn,
    kAgeColumn,
    {"SignerName", "string", "", "Who is to sign."},
    {"Requestor", "string", "", "Who asked."},
    {"RequestedDuration", "string", "", "How long the certificate should be good."},
    {"Condition", "string", "", "What was decided, and whether it was signed."},
};

std::string decided(const CertificateSigningRequest& object) {
  std::string text = "Pending";
  if (has_condition(object, kCertificateDenied)) {
    text = kCertificateDenied;
  } else if (has_condition(object, kCertificateApproved)) {
    text = kCertificateApproved;
  }
  if (has_condition(object, kCertificateFailed)) text += ",Failed";
  if (!object.status.certificate.empty()) text += ",Issued";
  return text;
}

}  // namespace

std::span<const Column> certificate_signing_request_columns() {
  return kColumns;
}

std::vector<Cell> cells(const CertificateSigningRequest& object, WallTime now) {
  const auto& seconds = object.spec.expiration_seconds;
  return {
      object.metadata.name,
      age(object.metadata.creation_timestamp, now),
      object.spec.signer_name,
      object.spec.username,
      seconds ? human_duration(std::chrono::seconds(*seconds)) : std::string("<none>"),
      decided(object),
  };
}

}  // namespace insula::api
