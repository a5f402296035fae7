#pragma once

#include <functional>
#include <memory>
#include <string>

#include "apiserver/node_relay.h"
#include "apiserver/proxy_target.h"
#include "apiserver/registry.h"
#include "apiserver/request_info.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/exchange.h"
#include "net/address.h"
#include "net/stream.h"
#include "net/tls.h"

namespace insula::apiserver {

/// Opens a connection as net::dial() does, which it is unless a test has a network of its own.
using Dial = std::function<Task<Result<std::unique_ptr<net::Stream>>>(net::Address, Deadline)>;

/// Answers requests to pods/proxy and services/proxy: each over a connection of its own to the pod,
/// with bodies passed on piece by piece as fast as the slower side takes them, and upgraded
/// connections (WebSocket) byte by byte.
///
/// What the caller proves itself with does not reach the pod: neither the Authorization header nor
/// those of impersonation and of authenticating proxies, nor a token among WebSocket's protocols.
/// Cookies do, as in Kubernetes; this API takes none. The pod's certificate is not verified.
///
/// Threads: the registry's loop. Lifetime: the registry outlives it, it outlives its tasks.
/// Spec: Kubernetes API, connect requests to proxy of Pod and Service.
class ProxyRelay {
 public:
  explicit ProxyRelay(Registry& registry, Dial dial = net::dial)
      : registry_(registry), dial_(std::move(dial)) {}

  /// Requires: the request is to one of the two subresources, in a namespace, and is allowed.
  /// Errors: those of find_proxy_target(); kUnavailable when the pod does not answer; those of the
  /// request's body. All of them before anything was answered.
  /// Cancellation: ends both connections.
  Task<Result<>> serve(http::Exchange& exchange, const RequestInfo& info, OnAnswer on_answer);

 private:
  Task<Result<std::unique_ptr<net::Stream>>> connect(ProxyTarget target);

  Registry& registry_;
  Dial dial_;
  /// Made with the first pod that is to be reached by TLS.
  std::shared_ptr<net::TlsContext> tls_;
};

}  // namespace insula::apiserver
