// A gateway for measuring: `gateway_target DIRECTORY PORT UPSTREAM [CERTIFICATE KEY]` prints a
// token of the tenant `bench` on its first line and one of `usual` on its second, and then serves
// from one loop as the product does, with token checks, rate limit, usage and metrics on, and TLS
// if it is given a certificate. `usual` has the usual rate limit. Of several upstreams, with commas
// between them, it prints a third token: its tenant, `routed`, has the models LeastRequests,
// Session and PrefixCache, each with the routing that its name says.

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

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

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream stream(list);
  for (std::string word; std::getline(stream, word, ',');)
    words.push_back(word);
  return words;
}

gateway::TenantConfig routed(const std::vector<std::string>& upstreams) {
  gateway::TenantConfig config = tenant("routed", upstreams.front(), kRequestsPerHour);
  for (const char* policy : {"LeastRequests", "Session", "PrefixCache"}) {
    config.models.push_back(
        {.name = policy,
         .backends = {{.service_host = config.service_host, .endpoints = upstreams}},
         .policy = gateway::parse_routing_policy(policy)});
  }
  return config;
}

/// Writes the configuration; returns what is printed.
Result<std::string> prepare(const std::filesystem::path& directory, const std::string& upstream) {
  INSULA_TRY(const jose::JwsKeyPair keys, jose::generate_ed25519_keys());
  gateway::GatewayConfig config;
  const std::vector<std::string> upstreams = split(upstream);
  std::vector<std::string> names = {"bench", "usual"};
  config.tenants = {tenant("bench", upstreams.front(), kRequestsPerHour),
                    tenant("usual", upstreams.front(), gateway::kRequestsPerHourDefault)};
  if (upstreams.size() > 1) {
    config.tenants.push_back(routed(upstreams));
    names.emplace_back("routed");
  }
  config.builtin_keys = {keys.public_pem};
  std::filesystem::create_directories(directory / "gateway");
  INSULA_TRY_VOID(gateway::save_config(directory / "gateway" / "snapshot.json", config));
  INSULA_TRY(const jose::JwsSigner signer, jose::JwsSigner::from_private_pem(keys.private_pem));
  const WallTime now = system_clock().wall();
  std::string lines;
  for (const std::string& name : names) {
    INSULA_TRY(const std::string token,
               gateway::mint_token(signer, {.tenant = name, .subject = "bench"}, now));
    lines += token + "\n";
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) {
    std::fprintf(stderr,
                 "usage: gateway_target DIRECTORY PORT UPSTREAM[,UPSTREAM...] [CERTIFICATE KEY]\n");
    return 2;
  }
  const auto tokens = prepare(argv[1], argv[3]);
  if (!tokens) {
    std::fprintf(stderr, "gateway_target: %s\n", tokens.error().message().c_str());
    return 1;
  }
  std::printf("%s", tokens->c_str());
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
