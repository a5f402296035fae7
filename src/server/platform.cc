#include "server/platform.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/version.h"
#include "net/address.h"
#include "net/listener.h"
#include "server/credentials.h"
#include "server/interfaces.h"

namespace insula::server {
namespace {

constexpr unsigned kGatewayLoopsMax = 64;

Result<net::Address> parse_address(std::string_view flag, std::string_view text) {
  auto address = net::Address::parse(text);
  if (!address) return std::unexpected(std::move(address).error().in(flag));
  return address;
}

net::Address bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return net::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
}

Result<Fd> listen_on(std::string_view flag,
                     const net::Address& address,
                     net::ListenOptions options = {}) {
  auto fd = net::listen_socket(address, options);
  if (!fd) {
    return std::unexpected(std::move(fd).error().in(fmt::format("{} {}", flag, address.text())));
  }
  return Fd(*fd);
}

/// One socket for each event loop of the gateway, all on one port.
Result<std::vector<Fd>> listen_for_gateway(const net::Address& wanted) {
  // SO_REUSEPORT would let a second platform of this user join the port in silence; a plain socket
  // finds out whether anybody is there.
  net::Address address;
  {
    INSULA_TRY(const Fd probe, listen_on("--gateway-address", wanted));
    address = bound_address(probe.get());
  }
  std::vector<Fd> sockets;
  const unsigned loops = std::clamp(std::thread::hardware_concurrency(), 1U, kGatewayLoopsMax);
  for (unsigned i = 0; i < loops; ++i) {
    INSULA_TRY(Fd fd, listen_on("--gateway-address", address, {.reuse_port = true}));
    sockets.push_back(std::move(fd));
  }
  return sockets;
}

bool is_unspecified(const net::Address& address) {
  return address.host() == "0.0.0.0" || address.host() == "::" || address.host() == "[::]";
}

/// Where this machine's own processes reach a listener: an unspecified address becomes loopback.
std::string reach_locally(const net::Address& address) {
  if (!is_unspecified(address)) return address.text();
  return fmt::format("{}:{}", address.host() == "0.0.0.0" ? "127.0.0.1" : "[::1]", address.port());
}

/// Where clients reach a listener. One on all addresses is named by that from which this machine
/// talks to others, which its certificate has as well.
std::string reach(const net::Address& address) {
  const std::string own = is_unspecified(address) ? outward_address() : "";
  return own.empty() ? reach_locally(address) : fmt::format("{}:{}", own, address.port());
}

std::string log_folder(const Layout& layout, std::string_view process) {
  return fmt::format("{}/{}", layout.logs(), process);
}

Result<> make_directories(const Layout& layout, const Accounts& accounts) {
  INSULA_TRY_VOID(make_directory(layout.pki(), 0711, accounts.self));
  INSULA_TRY_VOID(make_directory(layout.control(), 0700, accounts.control));
  INSULA_TRY_VOID(make_directory(layout.gateway(), 0700, accounts.gateway));
  INSULA_TRY_VOID(make_directory(layout.node(), 0711, accounts.self));
  INSULA_TRY_VOID(make_directory(layout.run(), 0711, accounts.self));
  INSULA_TRY_VOID(make_directory(layout.logs(), 0711, accounts.self));
  INSULA_TRY_VOID(make_directory(log_folder(layout, "control"), 0700, accounts.control));
  INSULA_TRY_VOID(make_directory(log_folder(layout, "gateway"), 0700, accounts.gateway));
  return make_directory(log_folder(layout, "node"), 0700, accounts.self);
}

void add_flag(ProcessSpec& spec, std::string_view flag, std::string_view value) {
  if (!value.empty()) spec.arguments.push_back(fmt::format("{}={}", flag, value));
}

/// A path that means the same to a process with another working directory; `-` is none.
std::string absolute(const std::string& path) {
  if (path.empty() || path == "-") return path;
  return std::filesystem::absolute(path).string();
}

ProcessSpec process(std::string name, const UpOptions& options, const Layout& layout) {
  ProcessSpec spec;
  spec.name = std::move(name);
  spec.arguments = {spec.name};
  add_flag(spec, "--data-dir", layout.root);
  add_flag(spec, "--log-level", options.log_level);
  add_flag(spec, "--log-format", options.log_format);
  if (options.detach)
    add_flag(spec, "--log-file",
             fmt::format("{}/{}.log", log_folder(layout, spec.name), spec.name));
  return spec;
}

ProcessSpec control_process(const UpOptions& options, const Platform& platform, Fd api) {
  ProcessSpec spec = process("control", options, platform.layout);
  add_flag(spec, "--listen-fd", fmt::format("{}", api.get()));
  add_flag(spec, "--api-url", platform.state.api_server);
  add_flag(spec, "--gateway-url", platform.state.gateway);
  for (const std::string& argument : options.audit.for_control(platform.layout))
    spec.arguments.push_back(argument);
  for (const std::string& argument : options.oidc.for_control(platform.layout))
    spec.arguments.push_back(argument);
  spec.sockets.push_back(std::move(api));
  if (platform.accounts.separate()) spec.account = platform.accounts.control;
  return spec;
}

ProcessSpec node_process(const UpOptions& options,
                         const Platform& platform,
                         const net::Address& api) {
  ProcessSpec spec = process("node", options, platform.layout);
  if (platform.accounts.separate()) {
    add_flag(spec, "--socket-group", fmt::format("{}", platform.accounts.control.gid));
  }
  add_flag(spec, "--node-name", options.node_name);
  add_flag(spec, "--api-address", api.text());
  add_flag(spec, "--cpu", options.node_cpu);
  add_flag(spec, "--memory", options.node_memory);
  add_flag(spec, "--runtime", options.runtime);
  add_flag(spec, "--pod-cidr", options.pod_cidr);
  add_flag(spec, "--simulate-gpus", fmt::format("{}", options.simulate_gpus));
  add_flag(spec, "--image-map", options.image_map_file);
  for (const std::string& line : options.map_images)
    add_flag(spec, "--map-image", line);
  return spec;
}

ProcessSpec gateway_process(const UpOptions& options,
                            const Platform& platform,
                            std::vector<Fd> listeners) {
  ProcessSpec spec = process("gateway", options, platform.layout);
  for (const Fd& fd : listeners)
    add_flag(spec, "--listen-fd", fmt::format("{}", fd.get()));
  add_flag(spec, "--metrics-address", options.gateway_metrics_address);
  if (options.gateway_tls) spec.arguments.emplace_back("--tls");
  for (const std::string& network : options.provider_networks)
    add_flag(spec, "--provider-network", network);
  add_flag(spec, "--access-log", absolute(options.gateway_access_log));
  add_flag(spec, "--access-log-size", options.gateway_access_log_size);
  add_flag(spec, "--otlp-endpoint", options.gateway_otlp_endpoint);
  add_flag(spec, "--trace-ratio", options.gateway_trace_ratio);
  add_flag(spec, "--io-engine", options.gateway_io_engine);
  if (!options.limits_redis.url.empty()) {
    add_flag(spec, "--limits-redis", options.limits_redis.url);
    add_flag(spec, "--limits-redis-password-file", options.limits_redis.password_file);
    add_flag(spec, "--limits-redis-ca", options.limits_redis.ca_file);
  }
  spec.sockets = std::move(listeners);
  if (platform.accounts.separate()) spec.account = platform.accounts.gateway;
  spec.stop_grace = std::chrono::seconds(35);  // the gateway's own drain, and a little
  return spec;
}

}  // namespace

Result<Platform> prepare(const UpOptions& options, const Clock& clock) {
  INSULA_TRY(const net::Address api_wanted, parse_address("--api-address", options.api_address));
  INSULA_TRY(const net::Address gateway_wanted,
             parse_address("--gateway-address", options.gateway_address));
  INSULA_TRY(const net::Address metrics_wanted,
             parse_address("--gateway-metrics-address", options.gateway_metrics_address));

  Platform platform;
  platform.layout.root = options.data_dir;
  platform.accounts = choose_accounts();
  INSULA_TRY(platform.lock, open_data_dir(platform.layout));
  for (const Account account : {platform.accounts.control, platform.accounts.gateway})
    INSULA_TRY_VOID(check_reachable(platform.layout, account));
  INSULA_TRY_VOID(make_directories(platform.layout, platform.accounts));

  INSULA_TRY(Fd api, listen_on("--api-address", api_wanted));
  INSULA_TRY(std::vector<Fd> gateway, listen_for_gateway(gateway_wanted));
  // The gateway opens this one itself; a busy port is found out here.
  net::Address metrics_address;
  {
    INSULA_TRY(const Fd probe, listen_on("--gateway-metrics-address", metrics_wanted));
    metrics_address = bound_address(probe.get());
  }

  PlatformState& state = platform.state;
  state.version = version();
  state.data_dir = platform.layout.root;
  state.kubeconfig = platform.layout.kubeconfig();
  state.api_server = "https://" + reach(bound_address(api.get()));
  state.gateway =
      (options.gateway_tls ? "https://" : "http://") + reach(bound_address(gateway.front().get()));
  state.control_metrics = state.api_server + "/metrics";
  state.gateway_metrics = fmt::format("http://{}/metrics", metrics_address.text());
  INSULA_TRY_VOID(
      write_credentials(platform.layout, platform.accounts,
                        {.api_server = state.api_server,
                         .api_local = "https://" + reach_locally(bound_address(api.get())),
                         .api_host = bound_address(api.get()).host(),
                         .gateway_host = bound_address(gateway.front().get()).host(),
                         .node_name = options.node_name},
                        clock));

  INSULA_TRY_VOID(options.audit.prepare(platform.layout, platform.accounts.control));
  INSULA_TRY_VOID(options.oidc.prepare(platform.layout, platform.accounts.control));

  UpOptions resolved = options;
  resolved.gateway_metrics_address = metrics_address.text();
  const net::Address api_address = bound_address(api.get());
  platform.processes.push_back(control_process(resolved, platform, std::move(api)));
  platform.processes.push_back(node_process(resolved, platform, api_address));
  platform.processes.push_back(gateway_process(resolved, platform, std::move(gateway)));
  state.node_metrics = state.api_server + "/metrics/node";
  return platform;
}

}  // namespace insula::server
