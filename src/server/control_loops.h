#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/custom/kind_catalog.h"
#include "client/client.h"
#include "controller/controller.h"
#include "controllers/certificates/controller.h"
#include "controllers/tokens/controller.h"

namespace insula::server {

/// The controllers and the scheduler, with the mirrors they share: what turns objects into more
/// objects. They reach the API through a client like everybody else.
///
/// Lifetime: the client and the runtime's parts outlive it.
class ControlLoops {
 public:
  struct Options {
    std::string ca_pem;       // for kube-root-ca.crt
    std::string gateway_url;  // what tenants' URLs begin with
    api::KindCatalog* kinds;  // of the server that the client reaches; outlives the loops
    controllers::TokenMaker make_token;
    controllers::CertificateMaker make_certificate;
  };

  ControlLoops(client::Client& client, const controller::Runtime& runtime, const Options& options);
  ControlLoops(const ControlLoops&) = delete;
  ControlLoops& operator=(const ControlLoops&) = delete;
  ~ControlLoops();

  void start();

  /// Names of the mirrors that have not seen everything yet.
  [[nodiscard]] std::vector<std::string> not_ready() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace insula::server
