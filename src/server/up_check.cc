#include "server/up_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include "api/quantity.h"
#include "api/validation/names.h"
#include "async/loop.h"
#include "async/ring.h"
#include "base/number.h"
#include "gateway/access_log.h"
#include "gateway/span_exporter.h"
#include "net/address.h"
#include "net/network.h"
#include "node/image_map.h"
#include "node/ip_pool.h"
#include "node/oci_runtime.h"

namespace insula::server {
namespace {

constexpr int kSimulatedGpusMax = 64;
constexpr std::uint32_t kLoopback = 127;  // first byte of the network

Result<> check_address(std::string_view flag, const std::string& text) {
  auto address = net::Address::parse(text);
  if (!address) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} \"{}\": {}", flag, text, address.error().message()));
  }
  if (!address->is_unix()) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{} {}: unix: is not supported here, only HOST:PORT", flag, text));
}

Result<> check_quantity(std::string_view flag, const std::string& text) {
  if (text.empty()) return {};
  const auto value = api::Quantity::parse(text);
  if (value && !value->is_negative() && !value->is_zero()) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{} \"{}\": not a quantity above 0 such as 8 or 64Gi", flag, text));
}

Result<> check_limits_redis(const gateway::LimitsRedis& limits) {
  if (limits.url.empty()) {
    if (limits.password_file.empty() && limits.ca_file.empty()) return {};
    return fail(ErrorCode::kInvalid,
                "--limits-redis-password-file and --limits-redis-ca are for --limits-redis only");
  }
  INSULA_TRY_VOID(limits.client_options());
  return {};
}

Result<> check_node_name(const std::string& name) {
  const api::Complaints complaints = api::check_dns1123_subdomain(name);
  if (complaints.empty()) return {};
  return fail(ErrorCode::kInvalid, fmt::format("--node-name \"{}\": {}", name, complaints.front()));
}

Result<> check_pod_cidr(const std::string& text) {
  if (text.empty()) return {};
  auto range = node::parse_ipv4_range(text);
  if (!range) return std::unexpected(std::move(range).error().in("--pod-cidr"));
  if (range->first.value >> 24U != kLoopback) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("--pod-cidr {}: loopback addresses never leave a pod", text));
}

Result<> check_images(const UpOptions& options) {
  node::ImageMap map;
  if (!options.image_map_file.empty()) {
    if (auto read = map.add_file(options.image_map_file); !read) {
      return fail(ErrorCode::kInvalid, "--image-map: " + read.error().message());
    }
  }
  for (const std::string& line : options.map_images) {
    if (auto added = map.add(line); !added)
      return std::unexpected(std::move(added).error().in(fmt::format("--map-image \"{}\"", line)));
  }
  return {};
}

Result<> check_observers(const UpOptions& options) {
  if (options.gateway_access_log == "-" && options.detach) {
    return fail(ErrorCode::kInvalid,
                "--gateway-access-log -: there is no standard output with --detach");
  }
  const auto size = api::Quantity::parse(options.gateway_access_log_size);
  if (!size || size->value() < static_cast<std::int64_t>(gateway::AccessLog::kBytesMin)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("--gateway-access-log-size \"{}\": not a quantity of {} or more",
                            options.gateway_access_log_size, gateway::AccessLog::kBytesMin));
  }
  if (!options.gateway_otlp_endpoint.empty()) {
    if (auto url = gateway::traces_url(options.gateway_otlp_endpoint); !url)
      return std::unexpected(std::move(url).error().in("--gateway-otlp-endpoint"));
  }
  const auto ratio = parse_whole<double>(options.gateway_trace_ratio);
  if (!ratio || *ratio < 0 || *ratio > 1) {
    return fail(ErrorCode::kInvalid,
                fmt::format("--gateway-trace-ratio \"{}\": not a number from 0 to 1",
                            options.gateway_trace_ratio));
  }
  const auto engine = parse_io_engine(options.gateway_io_engine);
  if (!engine) return std::unexpected(Error(engine.error()).in("--gateway-io-engine"));
  // Better now than as a gateway that is started again and again.
  if (*engine == IoEngine::kIoUring) {
    if (auto ring = Ring::make(system_clock()); !ring)
      return std::unexpected(std::move(ring).error().in("--gateway-io-engine io_uring"));
  }
  return {};
}

// Whether it really works is found out by the node, which runs a container.
Result<> check_runtime(const std::string& name) {
  if (name != "runc" && name != "crun") return {};
  if (::geteuid() != 0)
    return fail(ErrorCode::kInvalid, fmt::format("--runtime {}: containers need root", name));
  if (!node::find_program(name).empty()) return {};
  return fail(ErrorCode::kInvalid, fmt::format("--runtime {}: {} is not installed", name, name));
}

}  // namespace

Result<> check_options(const UpOptions& options) {
  for (const std::string& text : options.provider_networks) {
    if (auto network = net::Network::parse(text); !network)
      return std::unexpected(std::move(network).error().in("--provider-network"));
  }
  INSULA_TRY_VOID(check_address("--api-address", options.api_address));
  INSULA_TRY_VOID(check_address("--gateway-address", options.gateway_address));
  INSULA_TRY_VOID(check_address("--gateway-metrics-address", options.gateway_metrics_address));
  INSULA_TRY_VOID(check_limits_redis(options.limits_redis));
  INSULA_TRY_VOID(check_node_name(options.node_name));
  INSULA_TRY_VOID(check_quantity("--node-cpu", options.node_cpu));
  INSULA_TRY_VOID(check_quantity("--node-memory", options.node_memory));
  INSULA_TRY_VOID(check_pod_cidr(options.pod_cidr));
  INSULA_TRY_VOID(check_images(options));
  INSULA_TRY_VOID(check_observers(options));
  INSULA_TRY_VOID(options.audit.check());
  INSULA_TRY_VOID(options.oidc.check());
  if (options.simulate_gpus < 0 || options.simulate_gpus > kSimulatedGpusMax) {
    return fail(ErrorCode::kInvalid, fmt::format("--simulate-gpus: {} is not between 0 and {}",
                                                 options.simulate_gpus, kSimulatedGpusMax));
  }
  return check_runtime(options.runtime);
}

}  // namespace insula::server
