#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/accepted_specs.h"
#include "api/gen/core_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/host_claims.h"
#include "api/ingress_hosts.h"
#include "api/provider.h"
#include "api/reference_grants.h"

/// What Ingresses, Gateways and HTTPRoutes come to together. The controller that writes statuses
/// and the gateway that serves requests both ask here, so that they cannot disagree.
namespace insula::api {

/// What a GatewayClass names as its controller when the gateway serves its Gateways.
inline constexpr std::string_view kGatewayController = "insula.dev/gateway";
/// The GatewayClass that a platform has from the start.
inline constexpr const char* kGatewayClassName = "insula";

/// What of a tenant's HTTPRoutes is served, the oldest first: a request may have to be compared
/// with all that is for its path, and others wait meanwhile.
inline constexpr std::size_t kRoutesOfTenantMax = 200;
inline constexpr std::size_t kMatchesOfTenantMax = 2000;
inline constexpr std::size_t kExpressionsOfTenantMax = 64;

/// Where the gateway listens, and what it speaks there.
struct GatewayEntrance {
  std::vector<std::int32_t> ports;
  bool tls = false;

  bool operator==(const GatewayEntrance&) const = default;
};

/// What a condition says. `reason`: a word of the Gateway API, or ours where it has none.
struct Verdict {
  bool good = true;
  std::string reason = {};
  std::string message = {};

  explicit operator bool() const { return good; }

  bool operator==(const Verdict&) const = default;
};

[[nodiscard]] inline Verdict refused(std::string reason, std::string message) {
  return {false, std::move(reason), std::move(message)};
}

struct RoutingObjects {
  IngressObjects ingresses;  // and all namespaces
  std::vector<std::shared_ptr<const GatewayClass>> classes = {};
  std::vector<std::shared_ptr<const Gateway>> gateways = {};
  std::vector<std::shared_ptr<const HTTPRoute>> routes = {};
  std::vector<std::shared_ptr<const ReferenceGrant>> grants = {};
  AcceptedRecords accepted = {};
  GatewayEntrance entrance = {};
};

/// A listener of a Gateway, and what became of it.
struct ServedListener {
  const Listener* listener;  // of the Gateway
  Verdict accepted = {};
  Verdict conflicted = {};  // good: it is not
  Verdict resolved = {};    // but for what is in the Secrets
  bool takes_routes = true;
  /// Secrets with its certificates that it may have.
  std::vector<SecretRef> certificates = {};
  /// HTTPRoutes that are attached to it.
  std::int32_t routes = 0;
};

/// A Gateway of a class of ours.
struct ServedGateway {
  std::shared_ptr<const Gateway> gateway;
  Verdict accepted = {};  // but for its listeners
  std::vector<ServedListener> listeners = {};
  /// The Gateway as it is, and what is wrong with that, while `gateway` has listeners that were
  /// accepted earlier; null: it is `gateway`.
  std::shared_ptr<const ServedGateway> wanted = nullptr;

  /// Whether requests come in by this listener.
  [[nodiscard]] bool serves(const ServedListener& listener) const {
    return accepted && listener.accepted && listener.conflicted;
  }
};

/// Where an HTTPRoute is attached, or would like to be.
struct RouteParent {
  const ParentReference* reference;  // of the route
  std::size_t gateway;               // in Routing::gateways
  Verdict accepted = {};

  /// The hosts that the route has by a listener.
  struct Place {
    std::size_t listener;  // of the Gateway
    std::vector<std::string> hosts;
  };

  std::vector<Place> places = {};
};

/// An HTTPRoute that some Gateway of ours is a parent of.
struct AttachedRoute {
  std::shared_ptr<const HTTPRoute> route;
  std::string tenant;  // that its namespace belongs to; empty: none, so the platform's own
  std::vector<RouteParent> parents = {};
  /// Hosts that it has by listeners that are served; empty text: all hosts.
  std::vector<std::string> hosts = {};
  std::vector<HostRefusal> refused = {};

  /// The route as it is, and why it is not accepted, while `route` is what was accepted last.
  struct Wanted {
    std::shared_ptr<const HTTPRoute> route;
    std::vector<RouteParent> parents;
  };

  std::optional<Wanted> wanted = std::nullopt;

  /// Whether something of it is served.
  [[nodiscard]] bool is_served() const { return !hosts.empty(); }
};

struct Routing {
  std::vector<AdmittedIngress> ingresses;  // the oldest first
  std::vector<ServedGateway> gateways;     // the oldest first
  std::vector<AttachedRoute> routes;       // the oldest first
  /// Hosts that are kept for who had them, though they may not be served at the moment.
  HostHolders kept = {};

  /// What is to be remembered of it, beside the hosts that are nobody's.
  [[nodiscard]] HostHolders holders() const;
};

/// Decides all of it. Hosts of Ingresses and HTTPRoutes are granted together: see grant_hosts().
///
/// An HTTPRoute that is attached nowhere as it is, and a listener that is not served as it is, are
/// served as they were accepted last, if that would be accepted now: by the Gateways, grants and
/// namespaces, and with the hosts and annotations, of today.
///
/// Lifetime: of the objects. Cost: routes by Gateways that they name, and n log n in the hosts.
/// Spec: Gateway API 1.4.
[[nodiscard]] Routing decide_routing(const RoutingObjects& objects);

/// Whether a class is one that the gateway serves.
[[nodiscard]] bool is_ours(const GatewayClass& one);

/// The hosts that a listener and a route have both; nothing when they have none. Empty: all hosts.
[[nodiscard]] std::optional<std::string> common_host(std::string_view listener,
                                                     std::string_view route);

}  // namespace insula::api
