#include "apiserver/certificate_admission.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/certificates.h"
#include "api/field_errors.h"
#include "api/invalid.h"
#include "apiserver/admission.h"
#include "net/certificate_request.h"

namespace insula::apiserver {

namespace {

bool is_request(const api::Kind& kind) {
  return &kind == &api::kind_of<api::CertificateSigningRequest>();
}

bool may(Authorizer& authorizer, const User& user, const char* verb, const std::string& signer) {
  RequestInfo question;
  question.is_resource = true;
  question.verb = verb;
  question.group = api::kCertificatesGroup;
  question.version = "*";
  question.resource = "signers";
  question.name = signer;
  if (authorizer.decide(user, question).allowed) return true;
  question.name = signer.substr(0, signer.find('/')) + "/*";
  return authorizer.decide(user, question).allowed;
}

}  // namespace

Result<> admit_certificate_request(const api::Kind& kind, void* object, const User& user) {
  if (!is_request(kind)) return {};
  auto& request = *static_cast<api::CertificateSigningRequest*>(object);
  request.spec.username = user.name;
  request.spec.uid = user.uid;
  request.spec.groups = user.groups;
  request.spec.extra = user.extra;
  if (request.spec.request.empty()) return {};
  const auto parsed = net::parse_certificate_request(request.spec.request);
  if (!parsed) {
    api::FieldErrors errors;
    errors.invalid(api::FieldPath("spec").child("request"), parsed.error().message());
    return std::unexpected(
        api::invalid(kind.kind, kind.group, request.metadata.name, std::move(errors).take()));
  }
  const bool masters =
      std::ranges::find(parsed->organizations, kMasters) != parsed->organizations.end();
  if (request.spec.signer_name == api::kClientSigner && masters) {
    return forbidden(
        kind, request.metadata.name,
        fmt::format("use of {} signer with {} group is not allowed", api::kClientSigner, kMasters));
  }
  return {};
}

void date_decisions(const api::Kind& kind, void* object, const void* present, WallTime now) {
  if (!is_request(kind)) return;
  auto& conditions = static_cast<api::CertificateSigningRequest*>(object)->status.conditions;
  const auto& before =
      static_cast<const api::CertificateSigningRequest*>(present)->status.conditions;
  for (api::CertificateSigningRequestCondition& condition : conditions) {
    const auto earlier =
        std::ranges::find(before, condition.type, &api::CertificateSigningRequestCondition::type);
    if (condition.last_update_time.is_zero()) condition.last_update_time = api::Time::from(now);
    if (earlier != before.end() && earlier->status == condition.status) {
      condition.last_transition_time = earlier->last_transition_time;
    } else if (condition.last_transition_time.is_zero()) {
      condition.last_transition_time = api::Time::from(now);
    }
  }
}

WritePermit signer_permit(Authorizer& authorizer, User user, RequestInfo request) {
  return [&authorizer, user = std::move(user), subresource = std::move(request.subresource)](
             const store::Transaction&, const api::Kind& kind, const void* object,
             const void* present) -> Result<> {
    if (!is_request(kind) || present == nullptr || subresource.empty()) return {};
    const auto& now = *static_cast<const api::CertificateSigningRequest*>(object);
    const auto& before = *static_cast<const api::CertificateSigningRequest*>(present);
    if (now.status == before.status) return {};
    const bool approval = subresource == "approval";
    if (may(authorizer, user, approval ? "approve" : "sign", before.spec.signer_name)) return {};
    return forbidden(kind, before.metadata.name,
                     fmt::format("user not permitted to {} requests with signerName \"{}\"",
                                 approval ? "approve" : "sign", before.spec.signer_name));
  };
}

}  // namespace insula::apiserver
