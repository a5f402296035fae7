#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "net/address.h"
#include "store/store.h"

namespace insula::apiserver {

/// One place that a Service's traffic may go to.
struct ServiceEndpoint {
  net::Address address;
  /// The pod behind it, as its EndpointSlice says; nothing when that names none.
  std::optional<api::ObjectReference> target;
};

/// The ready endpoints that the Service's port of this name leads to, of its EndpointSlices. The
/// name of a Service's only port may be empty.
[[nodiscard]] std::vector<ServiceEndpoint> ready_endpoints(store::Store& store,
                                                           std::string_view name_space,
                                                           const std::string& service,
                                                           const std::string& port);

}  // namespace insula::apiserver
