#include <fmt/format.h>

#include "api/quantity.h"
#include "base/number.h"
#include "cli/command.h"
#include "cli/location.h"
#include "cli/options.h"
#include "gateway/run.h"
#include "server/commands.h"
#include "server/credentials.h"
#include "server/data_dir.h"
#include "server/process_log.h"
#include "server/supervisor.h"

namespace insula::server {

int gateway(std::span<const std::string> arguments) {
  Layout layout{cli::default_data_dir()};
  gateway::GatewayOptions gateway;
  LogOptions log;
  bool tls = false;
  std::string access_log_size;
  std::string trace_ratio = "1";
  std::string io_engine = "auto";
  cli::Options options("gateway", "The gateway; started by insula up.");
  options.text("--data-dir", layout.root, "the platform's data directory")
      .numbers("--listen-fd", gateway.listener_fds, "inherited listening socket")
      .text("--metrics-address", gateway.metrics_address, "where metrics are read")
      .texts("--provider-network", gateway.provider_networks,
             "network in which providers may be although it is not the internet")
      .text("--access-log", gateway.access_log.path, "file of the access log")
      .text("--access-log-size", access_log_size, "that it and its older files may have")
      .text("--io-engine", io_engine,
            "how connections are read and written: auto, epoll or io_uring")
      .text("--otlp-endpoint", gateway.tracing.endpoint, "collector of traces")
      .text("--trace-ratio", trace_ratio, "part of the traces that is exported")
      .text("--limits-redis", gateway.limits_redis.url,
            "where limits are shared with other gateways")
      .text("--limits-redis-password-file", gateway.limits_redis.password_file,
            "the password of that")
      .text("--limits-redis-ca", gateway.limits_redis.ca_file, "who signed its certificate")
      .toggle("--tls", tls, "serve HTTPS");
  log.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  gateway.data_dir = layout.root;
  if (const auto size = api::Quantity::parse(access_log_size))
    gateway.access_log.bytes_max = static_cast<std::uint64_t>(size->value());
  gateway.tracing.ratio = parse_whole<double>(trace_ratio).value_or(1);
  gateway.io_engine = parse_io_engine(io_engine).value_or(IoEngine::kAuto);
  gateway.kubeconfig = pki_path(layout, "gateway.kubeconfig");
  if (tls) {
    gateway.tls_certificate = pki_path(layout, "gateway.crt");
    gateway.tls_key = pki_path(layout, "gateway.key");
  }
  gateway.on_ready = notify_ready;
  const auto sink = open_log(log, system_clock());
  if (!sink) {
    fmt::print(stderr, "insula gateway: {}\n", sink.error().message());
    return cli::kFailed;
  }
  gateway.log = sink->get();
  return gateway::run(std::move(gateway));
}

}  // namespace insula::server
