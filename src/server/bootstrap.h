#pragma once

#include <string>

#include "async/task.h"
#include "base/error.h"
#include "client/client.h"

namespace insula::server {

/// What a platform has from its first moment on: the system namespaces, the key of the token
/// issuer, the priorities of system pods, the gateway's IngressClass and GatewayClass, the
/// APIServices of what is served, and the range of Services' addresses. Whatever is there already
/// is left as it is.
Task<Result<>> bootstrap(client::Client& client);

/// Tells API servers of others which authorities (PEM) sign the certificates of clients.
Task<Result<>> ensure_authentication_config(client::Client& client, std::string client_ca);

}  // namespace insula::server
