#pragma once

#include <string>

#include "base/error.h"
#include "redis/client.h"

namespace insula::gateway {

/// Where gateways share their limits, as command lines say it.
struct LimitsRedis {
  std::string url;  // see redis::Endpoint; empty: each gateway has its limits to itself
  std::string password_file = {};
  /// Who signed the server's certificate, in PEM; empty: the machine's trust store decides.
  std::string ca_file = {};

  /// Reads the files. Blocking. Errors: kInvalid, which names the option and says what is wrong.
  [[nodiscard]] Result<redis::ClientOptions> client_options() const;
};

}  // namespace insula::gateway
