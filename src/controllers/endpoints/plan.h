#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"

namespace insula::controllers {

using PodPtr = std::shared_ptr<const api::Pod>;
using SlicePtr = std::shared_ptr<const api::EndpointSlice>;

/// Endpoints in one EndpointSlice; Kubernetes' default.
inline constexpr std::size_t kEndpointsPerSliceMax = 100;
/// Addresses in one Endpoints object; more are cut off and the object says so.
inline constexpr std::size_t kEndpointsAddressesMax = 1000;

inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr std::string_view kSliceManagedByLabel = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view kEndpointsManagedByLabel = "endpoints.kubernetes.io/managed-by";
inline constexpr std::string_view kSliceManager = "endpointslice-controller.k8s.io";

/// Whether pods are looked up for this Service at all: it has a selector and is no alias.
[[nodiscard]] bool selects_pods(const api::Service& service);

/// The slices that the Service should have for these pods (those that its selector matches, in any
/// order). A pod that is being deleted is listed as not ready and terminating; one without an
/// address or that has finished is not listed. Pure, and the same for the same input. Spec:
/// Kubernetes, EndpointSlice, "Conditions".
[[nodiscard]] std::vector<api::EndpointSlice> desired_slices(const api::Service& service,
                                                             const std::vector<PodPtr>& pods);

/// The older form of the same: ready and not ready addresses by ports. Pods that are being deleted
/// are not listed.
[[nodiscard]] api::Endpoints desired_endpoints(const api::Service& service,
                                               const std::vector<PodPtr>& pods);

/// Names of slices follow from their owner and a number, so that a restart finds those that it made
/// before.
[[nodiscard]] std::string slice_name(const api::ObjectMeta& owner, std::size_t number);

struct SlicePlan {
  std::vector<api::EndpointSlice> create;
  std::vector<api::EndpointSlice> update;  // with the resourceVersion that was read
  std::vector<SlicePtr> remove;
};

/// What turns the slices that exist into the desired ones, touching only what differs.
[[nodiscard]] SlicePlan plan_slices(std::vector<api::EndpointSlice> desired,
                                    const std::vector<SlicePtr>& existing);

}  // namespace insula::controllers
