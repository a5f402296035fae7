#include "controllers/endpoints/mirror.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/typed.h"
#include "controller/owner.h"
#include "controllers/endpoints/apply_slices.h"

namespace insula::controllers {

namespace {

constexpr const char* kLeaderAnnotation = "control-plane.alpha.kubernetes.io/leader";

bool is_ipv6(const api::EndpointAddress& address) {
  return address.ip.find(':') != std::string::npos;
}

api::Endpoint endpoint_of(const api::EndpointAddress& address, bool ready) {
  api::Endpoint endpoint;
  endpoint.addresses = {address.ip};
  endpoint.conditions.ready = ready;
  if (!address.hostname.empty()) endpoint.hostname = address.hostname;
  endpoint.node_name = address.node_name;
  endpoint.target_ref = address.target_ref;
  return endpoint;
}

api::EndpointSlice empty_slice(const api::Endpoints& endpoints,
                               const api::EndpointSubset& subset,
                               bool ipv6,
                               std::size_t number) {
  api::EndpointSlice slice;
  slice.metadata.namespace_ = endpoints.metadata.namespace_;
  slice.metadata.name = slice_name(endpoints.metadata, number);
  slice.metadata.labels = endpoints.metadata.labels;
  slice.metadata.labels[std::string(kServiceNameLabel)] = endpoints.metadata.name;
  slice.metadata.labels[std::string(kSliceManagedByLabel)] = kMirrorManager;
  slice.metadata.owner_references.push_back(controller::controlled_by(endpoints));
  slice.address_type = ipv6 ? "IPv6" : "IPv4";
  for (const api::EndpointPort& port : subset.ports) {
    api::EndpointSlicePort& out = slice.ports.emplace_back();
    out.name = port.name;
    out.protocol = port.protocol.empty() ? "TCP" : port.protocol;
    out.port = port.port;
    out.app_protocol = port.app_protocol;
  }
  return slice;
}

/// The endpoints of one family in one subset, in slices of a size that readers are used to.
void add_slices(const api::Endpoints& endpoints,
                const api::EndpointSubset& subset,
                bool ipv6,
                std::vector<api::EndpointSlice>& slices) {
  std::size_t count = 0;
  const auto add = [&](const std::vector<api::EndpointAddress>& addresses, bool ready) {
    for (const api::EndpointAddress& address : addresses) {
      if (is_ipv6(address) != ipv6) continue;
      if (count++ % kEndpointsPerSliceMax == 0)
        slices.push_back(empty_slice(endpoints, subset, ipv6, slices.size()));
      slices.back().endpoints.push_back(endpoint_of(address, ready));
    }
  };
  add(subset.addresses, true);
  add(subset.not_ready_addresses, false);
}

}  // namespace

bool is_mirrored(const api::Endpoints& endpoints, const api::Service* service) {
  if (service == nullptr || !service->spec.selector.empty()) return false;
  if (endpoints.metadata.deletion_timestamp) return false;
  const auto skip = endpoints.metadata.labels.find(std::string(kSkipMirrorLabel));
  if (skip != endpoints.metadata.labels.end() && skip->second == "true") return false;
  return !endpoints.metadata.annotations.contains(kLeaderAnnotation);
}

std::vector<api::EndpointSlice> mirrored_slices(const api::Endpoints& endpoints) {
  std::vector<api::EndpointSlice> slices;
  for (const api::EndpointSubset& subset : endpoints.subsets) {
    add_slices(endpoints, subset, false, slices);
    add_slices(endpoints, subset, true, slices);
  }
  return slices;
}

EndpointsMirror::EndpointsMirror(client::Client& client,
                                 const controller::Runtime& runtime,
                                 Mirrors mirrors)
    : client_(client),
      mirrors_(mirrors),
      slices_by_owner_(mirrors.slices.add_index([](const api::EndpointSlice& slice) {
        return std::vector<std::string>{controller::controller_uid(slice.metadata)};
      })),
      controller_({.name = "endpointslicemirroring"}, runtime, *this) {
  mirrors_.endpoints.on_change([this](const api::Endpoints*, const api::Endpoints* after) {
    // What is gone takes its slices with it: they have an owner reference.
    if (after != nullptr) controller_.enqueue(controller::key_of(*after));
  });
  mirrors_.services.on_change([this](const api::Service* before, const api::Service* after) {
    controller_.enqueue(controller::key_of(after != nullptr ? *after : *before));
  });
  mirrors_.slices.on_change(
      [this](const api::EndpointSlice* before, const api::EndpointSlice* after) {
        const api::EndpointSlice& slice = after != nullptr ? *after : *before;
        const api::OwnerReference* owner = controller::controller_of(slice.metadata);
        if (owner != nullptr && owner->kind == "Endpoints")
          controller_.enqueue({slice.metadata.namespace_, owner->name});
      });
}

void EndpointsMirror::start() {
  controller_.start({&mirrors_.services, &mirrors_.slices, &mirrors_.endpoints});
}

Task<Result<controller::Outcome>> EndpointsMirror::reconcile(controller::Key key) {
  const auto endpoints = mirrors_.endpoints.get(key);
  if (!endpoints) co_return controller::kDone;
  const auto service = mirrors_.services.get(key);
  std::vector<api::EndpointSlice> desired;
  if (is_mirrored(*endpoints, service.get())) desired = mirrored_slices(*endpoints);
  SlicePlan plan = plan_slices(std::move(desired),
                               mirrors_.slices.by_index(slices_by_owner_, endpoints->metadata.uid));
  INSULA_CO_TRY_VOID(co_await apply_slices(client_, mirrors_.slices, std::move(plan)));
  co_return controller::kDone;
}

}  // namespace insula::controllers
