#include "controllers/ingress/plan.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/route_annotations.h"
#include "http/url.h"
#include "net/address.h"
#include "net/tls.h"

namespace insula::controllers {

namespace {

bool is_port(const api::ServicePort& port, const api::ServiceBackendPort& wanted) {
  return wanted.number != 0 ? port.port == wanted.number : port.name == wanted.name;
}

/// Collects the problems of one Ingress, each once.
class Problems {
 public:
  Problems(const api::Ingress& ingress, const IngressWorld& world)
      : ingress_(ingress), world_(world) {}

  void add(std::string reason, std::string message) {
    IngressProblem problem{std::move(reason), std::move(message)};
    if (std::ranges::find(found_, problem) == found_.end()) found_.push_back(std::move(problem));
  }

  void look_at(const api::IngressBackend& backend) {
    if (!backend.service) {
      add("BackendNotSupported", "a backend must be a Service: the gateway serves nothing else");
      return;
    }
    const auto& [name, port] = *backend.service;
    const auto service = world_.services.get({ingress_.metadata.namespace_, name});
    if (service == nullptr) {
      add("ServiceNotFound", fmt::format("there is no Service {}", name));
    } else if (service->spec.type == "ExternalName") {
      add("BackendNotSupported",
          fmt::format("Service {} is of type ExternalName, which has no endpoints", name));
    } else if (std::ranges::none_of(service->spec.ports, [&](const api::ServicePort& one) {
                 return is_port(one, port);
               })) {
      add("PortNotFound", fmt::format("Service {} has no port {}", name,
                                      port.number != 0 ? std::to_string(port.number) : port.name));
    }
  }

  void look_at(const api::IngressTLS& tls) {
    if (!world_.tls) {
      add("TLSNotServed", "the gateway serves plain HTTP; start the platform with --gateway-tls");
      return;
    }
    const std::string& name = tls.secret_name;
    if (name.empty()) return;  // The gateway's own certificate.
    if (auto problem =
            certificate_problem(world_.certificates, {ingress_.metadata.namespace_, name}))
      add(std::move(problem->reason), std::move(problem->message));
  }

  std::vector<IngressProblem> take() { return std::move(found_); }

 private:
  const api::Ingress& ingress_;
  const IngressWorld& world_;
  std::vector<IngressProblem> found_;
};

}  // namespace

std::optional<IngressProblem> certificate_problem(
    const controller::Informer<api::Secret>& certificates, const api::SecretRef& ref) {
  const auto secret = certificates.get({ref.name_space, ref.name});
  if (secret == nullptr) {
    return IngressProblem{"SecretNotFound", fmt::format("there is no Secret {} of type {}",
                                                        ref.name, api::kTlsSecretType)};
  }
  const auto entry = [&](const char* key) {
    const auto found = secret->data.find(key);
    return found == secret->data.end() ? std::string() : found->second;
  };
  const auto context =
      net::TlsContext::server({.certificate_chain = entry(api::kTlsCertificateEntry),
                               .private_key = entry(api::kTlsKeyEntry),
                               .client_ca = {},
                               .alpn = {}});
  if (context) return std::nullopt;
  return IngressProblem{
      "CertificateRefused",
      fmt::format("Secret {}: {}; the last good certificate stays in use, if there was one",
                  ref.name, context.error().message())};
}

std::vector<IngressProblem> problems_of(const api::AdmittedIngress& admitted,
                                        const IngressWorld& world) {
  const api::Ingress& ingress = *admitted.ingress;
  Problems problems(ingress, world);
  for (const api::HostRefusal& refusal : admitted.refused)
    problems.add(refusal.reason, refusal.message);
  if (const auto access = api::judge_access(ingress.metadata); !access)
    problems.add("AuthNotUnderstood", access.message);
  if (const auto edge = api::judge_edge(ingress.metadata); !edge)
    problems.add("EdgeNotUnderstood", edge.message);
  if (ingress.spec.default_backend) problems.look_at(*ingress.spec.default_backend);
  for (const api::IngressTLS& tls : ingress.spec.tls)
    problems.look_at(tls);
  for (const api::IngressRule& rule : ingress.spec.rules) {
    if (!rule.ingress_rule_value.http) continue;
    for (const api::HTTPIngressPath& path : rule.ingress_rule_value.http->paths)
      problems.look_at(path.backend);
  }
  return problems.take();
}

api::IngressLoadBalancerStatus balancer_at(const std::string& gateway_url) {
  api::IngressLoadBalancerStatus status;
  const auto url = http::Url::parse(gateway_url);
  if (!url || url->host.empty()) return status;
  api::IngressLoadBalancerIngress& at = status.ingress.emplace_back();
  const bool is_address =
      net::Address::parse(url->host.contains(':') ? fmt::format("[{}]:1", url->host)
                                                  : url->host + ":1")
          .has_value();
  (is_address ? at.ip : at.hostname) = url->host;
  api::IngressPortStatus& port = at.ports.emplace_back();
  port.port = url->port;
  port.protocol = "TCP";
  return status;
}

}  // namespace insula::controllers
