#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "api/gen/certificates_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"

namespace insula::controllers {

/// How long requests are kept: those that are decided, and those that nobody decides about.
inline constexpr std::chrono::hours kDecidedRequestLifetime{1};
inline constexpr std::chrono::hours kPendingRequestLifetime{24};

/// Makes the certificate that a request asks for, as PEM. Errors: kInvalid for one that is never
/// signed; others may be tried again.
using CertificateMaker =
    std::function<Result<std::string>(const api::CertificateSigningRequestSpec&)>;

/// Signs the approved CertificateSigningRequests of the signer for clients, marks those Failed that
/// are never signed, and removes old ones of all signers.
class CertificateSigner final : private controller::Reconciler {
 public:
  CertificateSigner(client::Client& client,
                    const controller::Runtime& runtime,
                    controller::Informer<api::CertificateSigningRequest>& requests,
                    CertificateMaker make_certificate);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;

  client::Client& client_;
  const Clock& clock_;
  controller::Informer<api::CertificateSigningRequest>& requests_;
  CertificateMaker make_certificate_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
