#include "server/demo.h"

#include <fmt/format.h>

#include "cli/command.h"

namespace insula::server {

void print_ready(const PlatformState& state) {
  fmt::print("API      {}   KUBECONFIG={}\ngateway  {}\n", state.api_server, state.kubeconfig,
             state.gateway);
  std::fflush(stdout);
}

int make_demo(const PlatformState& /*state*/) {
  return cli::kOk;
}

}  // namespace insula::server
