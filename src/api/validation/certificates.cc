#include "api/validation/certificates.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "api/certificates.h"

namespace insula::api {

namespace {

using namespace std::string_view_literals;

constexpr std::int32_t kSecondsMin = 600;

constexpr std::array kUsages = {"any"sv,
                                "cert sign"sv,
                                "client auth"sv,
                                "code signing"sv,
                                "content commitment"sv,
                                "crl sign"sv,
                                "data encipherment"sv,
                                "decipher only"sv,
                                "digital signature"sv,
                                "email protection"sv,
                                "encipher only"sv,
                                "ipsec end system"sv,
                                "ipsec tunnel"sv,
                                "ipsec user"sv,
                                "key agreement"sv,
                                "key encipherment"sv,
                                "microsoft sgc"sv,
                                "netscape sgc"sv,
                                "ocsp signing"sv,
                                "s/mime"sv,
                                "server auth"sv,
                                "signing"sv,
                                "timestamping"sv};

void validate_usages(const std::vector<std::string>& usages,
                     const FieldPath& path,
                     FieldErrors& errors) {
  if (usages.empty()) errors.required(path, "usages are required");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < usages.size(); ++i) {
    if (std::ranges::find(kUsages, usages[i]) == kUsages.end()) {
      errors.not_supported(path.index(i), usages[i],
                           std::vector<std::string_view>(kUsages.begin(), kUsages.end()));
    } else if (!seen.insert(usages[i]).second) {
      errors.duplicate(path.index(i), usages[i]);
    }
  }
}

/// `example.com/name`.
void validate_signer(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.empty()) {
    errors.required(path);
    return;
  }
  if (name == "kubernetes.io/legacy-unknown") {
    errors.invalid(path, name, "the legacy signerName is not allowed via this API version");
    return;
  }
  const std::size_t slash = name.find('/');
  const std::string_view domain = std::string_view(name).substr(0, slash);
  const auto is_of_domain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  if (slash == std::string::npos || slash == 0 || slash + 1 == name.size() ||
      name.find('/', slash + 1) != std::string::npos || domain.find('.') == domain.npos ||
      !std::ranges::all_of(domain, is_of_domain)) {
    errors.invalid(path, name,
                   "must be a fully qualified domain and path of the form "
                   "'example.com/signer-name'");
  }
}

bool is_decision(std::string_view type) {
  return type == kCertificateApproved || type == kCertificateDenied || type == kCertificateFailed;
}

void validate_conditions(const CertificateSigningRequest& object, FieldErrors& errors) {
  const FieldPath path = FieldPath("status").child("conditions");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < object.status.conditions.size(); ++i) {
    const CertificateSigningRequestCondition& condition = object.status.conditions[i];
    const FieldPath at = path.index(i);
    if (condition.type.empty()) errors.required(at.child("type"));
    if (!seen.insert(condition.type).second) errors.duplicate(at.child("type"), condition.type);
    if (condition.status.empty()) {
      errors.required(at.child("status"));
    } else if (is_decision(condition.type)) {
      if (condition.status != "True")
        errors.not_supported(at.child("status"), condition.status, {"True"});
    } else if (condition.status != "True" && condition.status != "False" &&
               condition.status != "Unknown") {
      errors.not_supported(at.child("status"), condition.status, {"False", "True", "Unknown"});
    }
  }
  if (has_condition(object, kCertificateApproved) && has_condition(object, kCertificateDenied))
    errors.invalid(path, "Approved and Denied conditions are mutually exclusive");
}

}  // namespace

void validate(const CertificateSigningRequest& object, FieldErrors& errors) {
  const CertificateSigningRequestSpec& spec = object.spec;
  const FieldPath path("spec");
  if (spec.request.empty()) errors.required(path.child("request"));
  validate_signer(spec.signer_name, path.child("signerName"), errors);
  validate_usages(spec.usages, path.child("usages"), errors);
  if (spec.expiration_seconds && *spec.expiration_seconds < kSecondsMin) {
    errors.invalid(path.child("expirationSeconds"), *spec.expiration_seconds,
                   "may not specify a duration less than 600 seconds (10 minutes)");
  }
  validate_conditions(object, errors);
}

void validate_update(const CertificateSigningRequest& object,
                     const CertificateSigningRequest& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  const FieldPath path("status");
  const bool approval = subresource == "approval";
  for (const char* type : {kCertificateApproved, kCertificateDenied, kCertificateFailed}) {
    const bool before = has_condition(old, type);
    const bool now = has_condition(object, type);
    if (before && !now) {
      errors.forbidden(path.child("conditions"),
                       fmt::format("updates may not remove a condition of type \"{}\"", type));
    }
    const bool may_add = approval || std::string_view(type) == kCertificateFailed;
    if (!before && now && !may_add) {
      errors.forbidden(path.child("conditions"),
                       fmt::format("updates may not add a condition of type \"{}\"", type));
    }
  }
  if (!old.status.certificate.empty() && object.status.certificate != old.status.certificate) {
    errors.forbidden(path.child("certificate"),
                     "updates may not modify existing certificate content");
  }
}

}  // namespace insula::api
