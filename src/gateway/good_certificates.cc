#include "gateway/good_certificates.h"

#include <algorithm>
#include <utility>

#include "gateway/certificate_files.h"
#include "net/tls.h"

namespace insula::gateway {

GoodCertificates::GoodCertificates(const std::vector<CertificateConfig>& last,
                                   MetricsRegistry& registry,
                                   Log log)
    : refused_(registry.gauge(
          "insula_gateway_certificates_refused",
          "Certificates of Ingresses and Gateways that cannot be used, so that the last good ones "
          "are shown, or the gateway's own. The gateway's log, the Ingress's events and the "
          "Gateway's status say what is wrong.")),
      log_(std::move(log)) {
  for (const CertificateConfig& certificate : last)
    known_[certificate.name].good = {certificate.chain, certificate.key};
}

void GoodCertificates::settle(std::vector<CertificateConfig>& certificates) {
  for (auto& [name, known] : known_)
    known.named = false;
  for (CertificateConfig& certificate : certificates) {
    Known& known = known_[certificate.name];
    if (!std::exchange(known.named, true)) look_at(certificate, known);
    certificate.chain = known.good.chain;
    certificate.key = known.good.key;
  }
  std::erase_if(known_, [](const auto& entry) { return !entry.second.named; });
  std::erase_if(certificates,
                [](const CertificateConfig& certificate) { return certificate.chain.empty(); });
  refused_.set(static_cast<double>(
      std::ranges::count_if(known_, [](const auto& entry) { return entry.second.refused; })));
}

void GoodCertificates::look_at(const CertificateConfig& certificate, Known& known) const {
  Pem now{certificate.chain, certificate.key};
  if (known.tried == now) return;
  known.tried = now;
  const auto usable = net::TlsContext::server({.certificate_chain = now.chain,
                                               .private_key = now.key,
                                               .client_ca = {},
                                               .alpn = alpn_protocols()});
  known.refused = !usable;
  if (usable) {
    known.good = std::move(now);
  } else {
    log_.error("certificate not used: the last good one stays", "certificate", certificate.name,
               "err", usable.error());
  }
}

}  // namespace insula::gateway
