#include "cli/members.h"

#include <utility>

#include <fmt/format.h>

#include "api/certificates.h"
#include "api/codec.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/platform_objects.h"
#include "api/tenant.h"
#include "async/deadline.h"
#include "client/typed.h"
#include "net/certificate_request.h"

namespace insula::cli {
namespace {

constexpr std::chrono::milliseconds kLookAgain{50};

api::CertificateSigningRequest signing_request(const MemberRequest& request, std::string pem) {
  api::CertificateSigningRequest wanted;
  wanted.metadata.generate_name = "insula-member-";
  wanted.spec.request = std::move(pem);
  wanted.spec.signer_name = api::kClientSigner;
  wanted.spec.usages = {"digital signature", "client auth"};
  wanted.spec.expiration_seconds = static_cast<std::int32_t>(request.lifetime.count());
  return wanted;
}

Task<Result<>> approve(client::Client& client, api::CertificateSigningRequest request) {
  api::CertificateSigningRequestCondition& condition = request.status.conditions.emplace_back();
  condition.type = api::kCertificateApproved;
  condition.status = "True";
  condition.reason = "InsulaTenantKubeconfig";
  condition.message = "approved by insula tenant kubeconfig";
  client::Target target = client::target_of(request, "approval");
  INSULA_CO_TRY_VOID(co_await client.update(std::move(target), api::encode_json(request), {}));
  co_return Result<>{};
}

Task<Result<std::string>> certificate_of(client::Client& client,
                                         std::string name,
                                         Deadline deadline) {
  while (true) {
    INSULA_CO_TRY(const api::CertificateSigningRequest request,
                  co_await client::get<api::CertificateSigningRequest>(client, "", name));
    if (!request.status.certificate.empty()) co_return request.status.certificate;
    for (const api::CertificateSigningRequestCondition& condition : request.status.conditions) {
      if (condition.type == api::kCertificateFailed)
        co_return fail(ErrorCode::kUpstream,
                       "the certificate was not signed: " + condition.message);
    }
    if (Loop::current().now() >= deadline)
      co_return fail(ErrorCode::kTimeout,
                     fmt::format("CertificateSigningRequest {} is not signed yet", name));
    co_await sleep_for(kLookAgain);
  }
}

}  // namespace

Task<Result<client::Kubeconfig>> member_kubeconfig(client::Client& client,
                                                   client::Kubeconfig server,
                                                   MemberRequest request,
                                                   Deadline deadline) {
  INSULA_CO_TRY(const api::Tenant tenant,
                co_await client::get<api::Tenant>(client, "", request.tenant));
  INSULA_CO_TRY(
      net::NewCertificateRequest made,
      net::make_certificate_request({request.user, {api::kTenantGroupPrefix + request.tenant}}));
  INSULA_CO_TRY(const api::CertificateSigningRequest asked,
                co_await client::create(client, signing_request(request, std::move(made.request))));
  INSULA_CO_TRY_VOID(co_await approve(client, asked));
  INSULA_CO_TRY(server.client_certificate_pem,
                co_await certificate_of(client, asked.metadata.name, deadline));
  server.client_key_pem = std::move(made.key);
  server.token.clear();
  server.name_space = api::namespaces_of(tenant).front();
  co_return server;
}

}  // namespace insula::cli
