#pragma once

#include <functional>
#include <string>

#include "api/gen/core_v1.h"
#include "controller/controller.h"
#include "controller/informer.h"

namespace insula::controllers {

/// The type of the Secrets that hold a ServiceAccount's token.
inline constexpr const char* kTokenSecretType = "kubernetes.io/service-account-token";
inline constexpr const char* kAccountNameAnnotation = "kubernetes.io/service-account.name";
inline constexpr const char* kAccountUidAnnotation = "kubernetes.io/service-account.uid";

/// Makes the token that a Secret is to hold.
using TokenMaker =
    std::function<Result<std::string>(const api::ServiceAccount&, const api::Secret&)>;

/// Puts token, CA certificate and namespace into the Secrets that ask for a ServiceAccount's token,
/// and deletes those whose account is gone or was made anew.
class TokenSecretController final : private controller::Reconciler {
 public:
  struct Mirrors {
    /// Those of kTokenSecretType; others are passed over.
    controller::Informer<api::Secret>& secrets;
    controller::Informer<api::ServiceAccount>& accounts;
  };

  /// `ca_pem`: certificate that verifies the API server.
  TokenSecretController(client::Client& client,
                        const controller::Runtime& runtime,
                        Mirrors mirrors,
                        std::string ca_pem,
                        TokenMaker make_token);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;

  client::Client& client_;
  Mirrors mirrors_;
  std::string ca_pem_;
  TokenMaker make_token_;
  controller::Controller controller_;
};

}  // namespace insula::controllers
