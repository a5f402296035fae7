#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "server/accounts.h"
#include "server/data_dir.h"

namespace insula::server {

/// Where the certificates are good for.
struct Endpoints {
  std::string api_server;  // URL, as the administrator's kubeconfig has it
  std::string api_local;   // URL for the platform's own processes, whatever network comes and goes
  std::string api_host;    // the address it is bound to
  std::string gateway_host;
  std::string node_name;
};

/// Files below pki/, and who may read them:
///
///   ca.crt all, ca.key supervisor            the authority, made once
///   client-ca.crt all, client-ca.key control  signs the certificates of approved requests, with
///                                            which clients are known; never those of servers
///   sa.key control, sa.pub all               signs the tokens of ServiceAccounts; verifies them
///   server.crt, server.key control           for the API's listener
///   gateway.crt, gateway.key gateway         for the gateway's listener under --gateway-tls
///   admin.crt, admin.key supervisor          what the kubeconfig carries, for other clients
///   metrics.crt, metrics.key supervisor      insula-metrics: reads metrics, nothing else
///   node.kubeconfig supervisor and node      system:node:NAME
///   gateway.kubeconfig gateway               insula-gateway
///
/// and `kubeconfig`, the administrator's, mode 0600. All but the authorities and sa.* is written
/// anew at every start, so that no certificate grows old and a changed address is always in its
/// names.
///
/// Where sa.key is missing, a new one is made and its public half put before those in sa.pub: so
/// the key is changed, and what the earlier ones signed is still good.
///
/// Errors: kInvalid when the stored authority cannot be used; the disk's.
[[nodiscard]] Result<> write_credentials(const Layout& layout,
                                         const Accounts& accounts,
                                         const Endpoints& endpoints,
                                         const Clock& clock);

/// Paths of the above.
[[nodiscard]] std::string pki_path(const Layout& layout, std::string_view file);

}  // namespace insula::server
