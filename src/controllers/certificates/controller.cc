#include "controllers/certificates/controller.h"

#include <utility>

#include "api/certificates.h"
#include "client/typed.h"

namespace insula::controllers {

namespace {

bool is_over(const api::CertificateSigningRequest& request) {
  return !request.status.certificate.empty() ||
         api::has_condition(request, api::kCertificateDenied) ||
         api::has_condition(request, api::kCertificateFailed);
}

bool is_to_be_signed(const api::CertificateSigningRequest& request) {
  return request.spec.signer_name == api::kClientSigner && !is_over(request) &&
         api::has_condition(request, api::kCertificateApproved);
}

/// When it has been kept long enough. Decided or not, its age counts from when it was made.
WallTime end_of(const api::CertificateSigningRequest& request) {
  return request.metadata.creation_timestamp.wall() +
         (is_over(request) ? kDecidedRequestLifetime : kPendingRequestLifetime);
}

api::CertificateSigningRequestCondition failed(const Error& error, WallTime now) {
  api::CertificateSigningRequestCondition condition;
  condition.type = api::kCertificateFailed;
  condition.status = "True";
  condition.reason = "SignerValidationFailure";
  condition.message = error.message();
  condition.last_update_time = condition.last_transition_time = api::Time::from(now);
  return condition;
}

}  // namespace

CertificateSigner::CertificateSigner(client::Client& client,
                                     const controller::Runtime& runtime,
                                     controller::Informer<api::CertificateSigningRequest>& requests,
                                     CertificateMaker make_certificate)
    : client_(client),
      clock_(runtime.clock),
      requests_(requests),
      make_certificate_(std::move(make_certificate)),
      controller_({.name = "certificate-signing", .workers = 1}, runtime, *this) {
  requests_.on_change(
      [this](const api::CertificateSigningRequest*, const api::CertificateSigningRequest* after) {
        if (after != nullptr) controller_.enqueue(controller::key_of(*after));
      });
}

void CertificateSigner::start() {
  controller_.start({&requests_});
}

Task<Result<controller::Outcome>> CertificateSigner::reconcile(controller::Key key) {
  const auto request = requests_.get(key);
  if (!request) co_return controller::kDone;
  const WallTime now = clock_.wall();
  if (now >= end_of(*request)) {
    const Result<> removed =
        co_await client::remove<api::CertificateSigningRequest>(client_, "", key.name);
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(removed.error());
    co_return controller::kDone;
  }
  if (!is_to_be_signed(*request)) co_return controller::again_after(end_of(*request) - now);
  api::CertificateSigningRequest next = *request;
  Result<std::string> certificate = make_certificate_(request->spec);
  if (certificate) {
    next.status.certificate = *std::move(certificate);
  } else if (certificate.error().code() == ErrorCode::kInvalid) {
    next.status.conditions.push_back(failed(certificate.error(), now));
  } else {
    co_return std::unexpected(std::move(certificate).error());
  }
  INSULA_CO_TRY(const api::CertificateSigningRequest stored,
                co_await client::update_status(client_, std::move(next)));
  requests_.observe(stored);
  co_return controller::again_after(end_of(stored) - now);
}

}  // namespace insula::controllers
