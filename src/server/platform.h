#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "gateway/limits_redis.h"
#include "server/accounts.h"
#include "server/audit_flags.h"
#include "server/oidc_flags.h"
#include "server/platform_state.h"
#include "server/supervisor.h"

namespace insula::server {

/// Everything that `insula up` can be told.
struct UpOptions {
  std::string data_dir;
  std::string api_address = "127.0.0.1:6443";
  std::string gateway_address = "127.0.0.1:8080";
  std::string gateway_metrics_address = "127.0.0.1:9464";
  bool gateway_tls = false;
  std::vector<std::string> provider_networks;
  std::string gateway_access_log;  // a file, `-` for standard output; empty: none
  std::string gateway_access_log_size = "1Gi";
  std::string gateway_otlp_endpoint;  // empty: no traces are exported
  std::string gateway_trace_ratio = "1";
  std::string gateway_io_engine = "auto";
  gateway::LimitsRedis limits_redis;
  AuditFlags audit;
  OidcFlags oidc;
  bool demo = false;
  bool detach = false;

  std::string node_name;
  std::string node_cpu;  // quantities; empty: what the machine has
  std::string node_memory;
  std::string runtime;  // auto, runc, crun or process
  std::string pod_cidr;
  int simulate_gpus = 0;
  std::string image_map_file;
  std::vector<std::string> map_images;

  std::string log_level = "info";
  std::string log_format = "text";
};

/// What the supervisor needs to run: all that can fail at start has been done.
struct Platform {
  Layout layout;
  Accounts accounts;
  Fd lock;
  std::vector<ProcessSpec> processes;
  PlatformState state;
};

/// Takes the data directory, binds the sockets, writes certificates and kubeconfigs, and describes
/// the three processes. Errors: one line each, written for the person who typed `insula up`.
[[nodiscard]] Result<Platform> prepare(const UpOptions& options, const Clock& clock);

}  // namespace insula::server
