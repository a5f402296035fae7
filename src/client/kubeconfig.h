#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::client {

/// What a kubeconfig says about one context: where the server is and who we are. PEM texts, not
/// paths.
struct Kubeconfig {
  std::string context;
  std::string name_space;  // empty: not set, which means "default" to kubectl
  std::string server;      // https://host:port
  std::string tls_server_name;
  std::string ca_pem;
  std::string client_certificate_pem;
  std::string client_key_pem;
  std::string token;
};

/// Largest kubeconfig, and largest file that it may name.
inline constexpr std::size_t kKubeconfigBytesMax = 4 << 20;

/// Reads YAML or JSON. `directory`: what relative file names in it start from. `context`: empty for
/// the file's current-context.
///
/// Errors: kInvalid with what is wrong and in which entry; also for what is not supported (exec and
/// auth-provider plug-ins, passwords, insecure-skip-tls-verify), since ignoring it would connect as
/// somebody else or to somebody else.
/// Spec: Kubernetes, "Organizing Cluster Access Using kubeconfig Files".
[[nodiscard]] Result<Kubeconfig> parse_kubeconfig(std::string_view text,
                                                  const std::string& directory,
                                                  const std::string& context = {});

[[nodiscard]] Result<Kubeconfig> load_kubeconfig(const std::string& path,
                                                 const std::string& context = {});

/// A kubeconfig with one cluster, user and context, all named `insula`, everything inline. What is
/// empty is left out.
[[nodiscard]] std::string write_kubeconfig(const Kubeconfig& config);

}  // namespace insula::client
