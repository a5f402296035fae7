// A gateway with one tenant, for measuring: `gateway_target DIRECTORY PORT UPSTREAM [LOOPS]` prints a
// token of the tenant `bench` on its first line and then serves as the product does, with token
// checks, rate limit, usage and metrics on.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "gateway/config.h"
#include "gateway/jwt.h"
#include "gateway/run.h"

namespace {

using namespace insula;

/// Never reached within a measurement, and still kept as an exact log.
constexpr std::int64_t kRequestsPerHour = 16'000'000;

Result<std::string> prepare(const std::filesystem::path& directory, const std::string& upstream) {
  INSULA_TRY(const gateway::JwsKeyPair keys, gateway::generate_ed25519_keys());
  gateway::GatewayConfig config;
  config.tenants = {{.name = "bench",
                     .service_host = "llm-service.bench.svc:8000",
                     .endpoints = {upstream},
                     .requests_per_hour = kRequestsPerHour,
                     .issuers = {}}};
  config.builtin_keys = {keys.public_pem};
  std::filesystem::create_directories(directory / "gateway");
  INSULA_TRY_VOID(gateway::save_config(directory / "gateway" / "snapshot.json", config));
  INSULA_TRY(const gateway::JwsSigner signer, gateway::JwsSigner::from_private_pem(keys.private_pem));
  return gateway::mint_token(signer, {.tenant = "bench", .subject = "bench"}, system_clock().wall());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: gateway_target DIRECTORY PORT UPSTREAM [LOOPS]\n");
    return 2;
  }
  const auto token = prepare(argv[1], argv[3]);
  if (!token) {
    std::fprintf(stderr, "gateway_target: %s\n", token.error().message().c_str());
    return 1;
  }
  std::printf("%s\n", token->c_str());
  std::fflush(stdout);
  gateway::GatewayOptions options;
  options.data_dir = argv[1];
  options.listen = {std::string("127.0.0.1:") + argv[2]};
  options.metrics_address.clear();
  options.loops = argc > 4 ? static_cast<unsigned>(std::atoi(argv[4])) : 1;
  return gateway::run(std::move(options));
}
