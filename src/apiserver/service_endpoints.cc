#include "apiserver/service_endpoints.h"

#include <cstdint>

#include "api/gen/discovery_v1.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kServiceLabel = "kubernetes.io/service-name";

bool is_of(const api::EndpointSlice& slice, const std::string& service) {
  const auto label = slice.metadata.labels.find(std::string(kServiceLabel));
  return label != slice.metadata.labels.end() && label->second == service;
}

void add_ready(const api::EndpointSlice& slice,
               std::uint16_t port,
               std::vector<ServiceEndpoint>& out) {
  for (const api::Endpoint& endpoint : slice.endpoints) {
    if (!endpoint.conditions.ready.value_or(true) || endpoint.addresses.empty()) continue;
    const auto address = net::Address::ip(endpoint.addresses.front(), port);
    if (!address) continue;
    ServiceEndpoint& added = out.emplace_back(*address);
    if (endpoint.target_ref) added.target = *endpoint.target_ref;
  }
}

}  // namespace

std::vector<ServiceEndpoint> ready_endpoints(store::Store& store,
                                             std::string_view name_space,
                                             const std::string& service,
                                             const std::string& port) {
  std::vector<ServiceEndpoint> out;
  const auto take = [&](const store::EntryPtr& entry) {
    const auto slice = object_of<api::EndpointSlice>(*entry);
    if (!is_of(*slice, service)) return true;
    for (const api::EndpointSlicePort& each : slice->ports) {
      if (each.port && each.name.value_or("") == port)
        add_ready(*slice, static_cast<std::uint16_t>(*each.port), out);
    }
    return true;
  };
  const auto read =
      store.scan(store_key(api::kind_of<api::EndpointSlice>(), name_space, ""), "", 0, take);
  if (!read) out.clear();
  return out;
}

}  // namespace insula::apiserver
