#pragma once

#include <span>
#include <string>
#include <string_view>

#include "apiserver/registry.h"
#include "apiserver/request_info.h"
#include "base/error.h"
#include "net/address.h"

namespace insula::apiserver {

/// The subresource of pods and Services that is a way into them: `pods/x/proxy/PATH`.
inline constexpr std::string_view kProxySubresource = "proxy";

/// How a request names what it wants to reach: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`.
struct ProxyName {
  bool tls = false;  // the scheme is https
  std::string name;
  std::string port;  // number or name; empty: the one that is found

  /// Errors: kBadRequest, for a `resource` ("pod") that is named otherwise.
  [[nodiscard]] static Result<ProxyName> parse(std::string_view resource, std::string_view text);
};

/// Where a proxied request goes.
struct ProxyTarget {
  net::Address address;
  bool tls = false;
};

/// Whether requests may be proxied to the address: not this machine's own (`own`, with port 0),
/// which are the platform's, nor loopback, link-local, multicast, broadcast or none.
/// Spec: what Kubernetes calls a proxyable IP, and the machine's own besides.
[[nodiscard]] bool is_proxyable(const net::Address& address, std::span<const net::Address> own);

/// What a request to pods/proxy or services/proxy is to be sent to. A pod's address is what its
/// node says in the pod's status, and no tenant can write that; an endpoint of a Service counts
/// when it is that of a pod of the same namespace.
///
/// Errors: kNotFound without such a pod or Service; kBadRequest for a name that cannot be read and
/// for addresses that are not proxyable; kUnavailable for pods that have ended and ports and
/// endpoints that are not there. In Kubernetes' words where it has some.
[[nodiscard]] Result<ProxyTarget> find_proxy_target(Registry& registry,
                                                    const RequestInfo& request,
                                                    std::span<const net::Address> own);

/// kUnavailable, which is not this server's fault.
[[nodiscard]] std::unexpected<Error> unreachable(std::string message);

}  // namespace insula::apiserver
