#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/networking_v1.h"
#include "api/ingress_hosts.h"
#include "api/provider.h"
#include "controller/informer.h"

namespace insula::controllers {

/// Why some of an Ingress is not served, for its Event.
struct IngressProblem {
  std::string reason;
  std::string message;

  bool operator==(const IngressProblem&) const = default;
};

/// What an Ingress may refer to.
struct IngressWorld {
  const controller::Informer<api::Service>& services;
  const controller::Informer<api::Secret>& certificates;  // those of type kubernetes.io/tls
  /// The gateway speaks TLS.
  bool tls = false;
};

/// Everything that keeps the Ingress from being served as it asks, in the order of its fields.
[[nodiscard]] std::vector<IngressProblem> problems_of(const api::AdmittedIngress& admitted,
                                                      const IngressWorld& world);

/// What is wrong with the Secret of a certificate; nothing: it can be used.
[[nodiscard]] std::optional<IngressProblem> certificate_problem(
    const controller::Informer<api::Secret>& certificates, const api::SecretRef& ref);

/// Where an Ingress is reached: at the gateway with this URL. Empty when the URL has no host.
[[nodiscard]] api::IngressLoadBalancerStatus balancer_at(const std::string& gateway_url);

}  // namespace insula::controllers
