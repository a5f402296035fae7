#include "server/api_service.h"

#include <string>
#include <utility>
#include <vector>

#include "api/gen/core_v1.h"
#include "apiserver/service_address.h"
#include "client/typed.h"

namespace insula::server {
namespace {

constexpr const char* kNamespace = "default";
constexpr const char* kName = "kubernetes";
constexpr const char* kPortName = "https";
constexpr std::int32_t kPort = 443;

api::Service wanted_service(const net::Address& api) {
  api::Service service;
  service.metadata.namespace_ = kNamespace;
  service.metadata.name = kName;
  service.metadata.labels = {{"component", "apiserver"}, {"provider", "kubernetes"}};
  service.spec.cluster_ip = apiserver::api_server_ip({});
  api::ServicePort& port = service.spec.ports.emplace_back();
  port.name = kPortName;
  port.protocol = "TCP";
  port.port = kPort;
  port.target_port = std::int32_t{api.port()};
  return service;
}

bool is_loopback(const net::Address& address) {
  const std::string host = address.host();
  return address.is_unix() || host.starts_with("127.") || host == "::1";
}

std::vector<api::EndpointSubset> wanted_subsets(const net::Address& api) {
  if (is_loopback(api)) return {};
  api::EndpointSubset subset;
  subset.addresses.emplace_back().ip = api.host();
  api::EndpointPort& port = subset.ports.emplace_back();
  port.name = kPortName;
  port.protocol = "TCP";
  port.port = api.port();
  return {std::move(subset)};
}

}  // namespace

Task<Result<>> ensure_api_service(client::Client& client, net::Address api) {
  // Asked for first: making it again is refused for its address, which it holds itself.
  Result<api::Service> found = co_await client::get<api::Service>(client, kNamespace, kName);
  if (!found && found.error().code() == ErrorCode::kNotFound)
    found = co_await client::ensure(client, wanted_service(api));
  INSULA_CO_TRY(api::Service service, std::move(found));
  std::vector<api::ServicePort> ports = wanted_service(api).spec.ports;
  if (service.spec.ports != ports) {
    service.spec.ports = std::move(ports);
    INSULA_CO_TRY_VOID(co_await client::update(client, std::move(service)));
  }
  api::Endpoints wanted;
  wanted.metadata.namespace_ = kNamespace;
  wanted.metadata.name = kName;
  wanted.subsets = wanted_subsets(api);
  std::vector<api::EndpointSubset> subsets = wanted.subsets;
  INSULA_CO_TRY(api::Endpoints endpoints, co_await client::ensure(client, std::move(wanted)));
  if (endpoints.subsets == subsets) co_return Result<>{};
  endpoints.subsets = std::move(subsets);
  INSULA_CO_TRY_VOID(co_await client::update(client, std::move(endpoints)));
  co_return Result<>{};
}

}  // namespace insula::server
