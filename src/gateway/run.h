#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gateway/access_log.h"
#include "gateway/limits_redis.h"
#include "gateway/span_exporter.h"
#include "telemetry/log.h"

namespace insula::gateway {

/// What the gateway process is told on its command line.
struct GatewayOptions {
  /// The platform's data directory. The gateway writes `gateway/` in it, its admin socket
  /// `gateway/admin.sock` included: the only folder that is its own.
  std::filesystem::path data_dir;
  /// Where Tenants, Services, EndpointSlices and Secrets are read. Empty: the snapshot on disk is
  /// all there is, and nothing changes while the process runs.
  std::filesystem::path kubeconfig;
  /// Listening sockets that the supervisor opened; closed by run(). When there are none, `listen`
  /// is bound instead.
  std::vector<int> listener_fds;
  std::vector<std::string> listen = {"127.0.0.1:8080"};
  /// Where /metrics and /healthz are also served over TCP, in plain text. Empty: only on the
  /// admin socket.
  std::string metrics_address = "127.0.0.1:9464";
  /// Networks such as `10.0.0.0/8` in which providers may be although they are not the internet,
  /// and may be asked over plain HTTP.
  std::vector<std::string> provider_networks = {};
  /// Where limits are shared with other gateways.
  LimitsRedis limits_redis = {};
  /// PEM files. Both empty: plain HTTP.
  std::filesystem::path tls_certificate;
  std::filesystem::path tls_key;
  /// Event loops, one thread each. 0: one for each core that the process may use.
  unsigned loops = 0;
  /// How they move the bytes of connections.
  IoEngine io_engine = IoEngine::kAuto;
  /// A longer request body is answered 413. Held in memory while its request waits.
  std::size_t body_bytes_max = 32U << 20U;
  /// Kept when it has a path; SIGHUP has it go on in the file that has the path then.
  AccessLogOptions access_log = {};
  /// Spans are exported when it has an endpoint.
  TracingOptions tracing = {};
  /// How long SIGTERM waits for requests that are being answered.
  std::chrono::seconds drain_time = std::chrono::seconds(30);
  /// Where lines go; stderr when null. Outlives run().
  LogSink* log = nullptr;
  /// Called once, when connections are accepted and routes are known.
  std::function<void()> on_ready = {};
};

/// Serves until SIGTERM or SIGINT, then drains. Says on stderr what keeps it from starting.
///
/// Returns: the exit code; 0 after a drain, 1 when it could not start, 2 when an option is wrong.
/// Threads: called once, on the main thread; starts its own.
int run(GatewayOptions options);

}  // namespace insula::gateway
