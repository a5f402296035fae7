#include "gateway/credentials.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"

namespace insula::gateway {

/// Whether the connection was opened for a host with another certificate. A client may send
/// requests for all hosts that a certificate is good for over one connection, but those for others
/// have not been proven to be for us. Spec: RFC 9110 section 15.5.20.
bool Exchange::is_misdirected(const Request& request, const http::RequestHead& head) const {
  const auto& certificates = request.snapshot->certificates;
  const std::string_view asked = client_.server_name();
  if (asked.empty() || certificates.empty()) return false;
  const auto context_of = [&](std::string_view host) {
    const auto* found = certificates.find(HostName(host));
    return found == nullptr ? nullptr : found->get();
  };
  return context_of(asked) != context_of(head.host);
}

/// The site that the request is for; nullptr when it is for the gateway's own API. That has its
/// paths on every host, so that nobody can be sent what is meant for it by having a host: all of a
/// tenant's, and `/v1/...` with a credential of the gateway.
const Site* Exchange::find_site(const Request& request, const http::RequestHead& head) {
  const Snapshot& snapshot = *request.snapshot;
  const Site* site = snapshot.sites.find(HostName(head.host));
  if (site == nullptr || site->routes().empty()) return nullptr;
  const auto target = split_target(head.target);
  if (!target) return site;
  const Tenant* tenant = target->tenant.empty() ? find_tenant_of(head, snapshot, worker_.tokens(),
                                                                 worker_.settings().clock.wall())
                                                : snapshot.find(target->tenant);
  return tenant == nullptr ? site : nullptr;
}

}  // namespace insula::gateway
