#pragma once

#include <string>
#include <utility>
#include <vector>

namespace insula::gateway {

/// A service outside the platform, as a configuration names it, with its Secrets looked up.
struct ProviderConfig {
  /// Stands for the `/v1` of the client's path.
  std::string base_url;
  std::string key_header = "Authorization";
  std::string key = {};  // empty: none is sent
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string ca = {};  // PEM; empty: the machine's
  /// Why it cannot be asked, when a Secret is missing; it then has no endpoints.
  std::string problem = {};

  bool operator==(const ProviderConfig&) const = default;
};

}  // namespace insula::gateway
