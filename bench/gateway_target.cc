// A gateway for measuring: `gateway_target DIRECTORY PORT UPSTREAM [CERTIFICATE KEY]` prints a
// token of the tenant `bench` on its first line and one of `usual` on its second, and then serves
// from one loop as the product does, with token checks, rate limit, usage and metrics on, and TLS
// if it is given a certificate. `usual` has the usual rate limit.

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "gateway/config.h"
#include "gateway/jwt.h"
#include "gateway/run.h"

namespace {

using namespace insula;

/// Never reached within a measurement, and still kept as an exact log.
constexpr std::int64_t kRequestsPerHour = 16'000'000;

gateway::TenantConfig tenant(std::string name,
                             const std::string& upstream,
                             std::int64_t requests_per_hour) {
  return {.name = std::move(name),
          .service_host = "llm-service.bench.svc:8000",
          .endpoints = {upstream},
          .limits = {.requests_per_hour = requests_per_hour},
          .issuers = {}};
}

/// Writes the configuration; returns what is printed.
Result<std::string> prepare(const std::filesystem::path& directory, const std::string& upstream) {
  INSULA_TRY(const jose::JwsKeyPair keys, jose::generate_ed25519_keys());
  gateway::GatewayConfig config;
  config.tenants = {tenant("bench", upstream, kRequestsPerHour),
                    tenant("usual", upstream, gateway::kRequestsPerHourDefault)};
  config.builtin_keys = {keys.public_pem};
  std::filesystem::create_directories(directory / "gateway");
  INSULA_TRY_VOID(gateway::save_config(directory / "gateway" / "snapshot.json", config));
  INSULA_TRY(const jose::JwsSigner signer, jose::JwsSigner::from_private_pem(keys.private_pem));
  const WallTime now = system_clock().wall();
  INSULA_TRY(const std::string bench,
             gateway::mint_token(signer, {.tenant = "bench", .subject = "bench"}, now));
  INSULA_TRY(const std::string usual,
             gateway::mint_token(signer, {.tenant = "usual", .subject = "bench"}, now));
  return bench + "\n" + usual;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) {
    std::fprintf(stderr, "usage: gateway_target DIRECTORY PORT UPSTREAM [CERTIFICATE KEY]\n");
    return 2;
  }
  const auto tokens = prepare(argv[1], argv[3]);
  if (!tokens) {
    std::fprintf(stderr, "gateway_target: %s\n", tokens.error().message().c_str());
    return 1;
  }
  std::printf("%s\n", tokens->c_str());
  std::fflush(stdout);
  gateway::GatewayOptions options;
  options.data_dir = argv[1];
  options.listen = {std::string("127.0.0.1:") + argv[2]};
  options.metrics_address.clear();
  options.loops = 1;
  if (argc == 6) {
    options.tls_certificate = argv[4];
    options.tls_key = argv[5];
  }
  return gateway::run(std::move(options));
}
