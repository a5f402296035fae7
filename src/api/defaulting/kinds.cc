#include "api/defaulting/set.h"
#include "api/defaults.h"
#include "api/provider.h"

namespace insula::api {

namespace {

constexpr std::int32_t kAffinitySeconds = 10800;  // three hours
constexpr std::int32_t kCorsMaxAgeSeconds = 600;
constexpr std::int64_t kRequestsPerHour = 1000;
constexpr std::int32_t kTenantPort = 8000;

void set_defaults(TenantService& service) {
  set_if_empty(service.name, "llm-service");
  if (service.port == 0) service.port = kTenantPort;
}

void set_defaults(TenantHealthCheck& check) {
  constexpr std::int32_t kPeriodSeconds = 10;
  constexpr std::int32_t kTimeoutSeconds = 2;
  constexpr std::int32_t kFailureThreshold = 3;
  set_if_absent(check.period_seconds, kPeriodSeconds);
  set_if_absent(check.timeout_seconds, kTimeoutSeconds);
  set_if_absent(check.failure_threshold, kFailureThreshold);
  set_if_absent(check.success_threshold, 1);
}

void set_defaults(LimitRangeItem& item) {
  if (item.type != "Container") return;
  // Each insert() keeps what the earlier source gave: max feeds default, default and min feed
  // defaultRequest.
  item.default_.insert(item.max.begin(), item.max.end());
  item.default_request.insert(item.default_.begin(), item.default_.end());
  item.default_request.insert(item.min.begin(), item.min.end());
}

void set_defaults(ServicePort& port) {
  set_if_empty(port.protocol, "TCP");
  if (port.target_port.is_zero() ||
      (port.target_port.is_string() && port.target_port.name().empty())) {
    port.target_port = port.port;
  }
}

void set_address_defaults(ServiceSpec& spec) {
  if (spec.type == "ExternalName") return;
  if (spec.cluster_ips.empty() && !spec.cluster_ip.empty()) spec.cluster_ips = {spec.cluster_ip};
  if (spec.cluster_ip.empty() && !spec.cluster_ips.empty())
    spec.cluster_ip = spec.cluster_ips.front();
  // The cluster has one address family, so preferring two means having one.
  set_if_absent(spec.ip_family_policy, "SingleStack");
  if (spec.ip_families.empty()) spec.ip_families = {"IPv4"};
}

void set_defaults(std::vector<NetworkPolicyPort>& ports) {
  for (NetworkPolicyPort& port : ports)
    set_if_absent(port.protocol, "TCP");
}

}  // namespace

void set_defaults(Namespace& object) {
  if (!object.metadata.name.empty()) {
    object.metadata.labels["kubernetes.io/metadata.name"] = object.metadata.name;
  }
  set_if_empty(object.status.phase, "Active");
}

void set_defaults(Service& object) {
  ServiceSpec& spec = object.spec;
  set_if_empty(spec.type, "ClusterIP");
  set_if_empty(spec.session_affinity, "None");
  if (spec.session_affinity == "None") {
    spec.session_affinity_config.reset();
  } else if (spec.session_affinity == "ClientIP") {
    set_if_absent(spec.session_affinity_config.ensure().client_ip.ensure().timeout_seconds,
                  kAffinitySeconds);
  }
  for (ServicePort& port : spec.ports)
    set_defaults(port);

  const bool balanced = spec.type == "LoadBalancer";
  if (balanced || spec.type == "NodePort" ||
      (spec.type == "ClusterIP" && !spec.external_ips.empty())) {
    set_if_empty(spec.external_traffic_policy, "Cluster");
  }
  if (spec.type != "ExternalName") set_if_absent(spec.internal_traffic_policy, "Cluster");
  if (balanced) {
    set_if_absent(spec.allocate_load_balancer_node_ports, true);
    for (LoadBalancerIngress& ingress : object.status.load_balancer.ingress) {
      if (!ingress.ip.empty()) set_if_absent(ingress.ip_mode, "VIP");
    }
  }
  set_address_defaults(spec);
}

void set_defaults(Endpoints& object) {
  for (EndpointSubset& subset : object.subsets) {
    for (EndpointPort& port : subset.ports)
      set_if_empty(port.protocol, "TCP");
  }
}

void set_defaults(Secret& object) {
  set_if_empty(object.type, "Opaque");
  // stringData is a way to write data, and is never stored.
  for (auto& [key, text] : object.string_data)
    object.data[key] = std::move(text);
  object.string_data.clear();
}

void set_defaults(Node& object) {
  if (object.status.allocatable.empty()) object.status.allocatable = object.status.capacity;
}

void set_defaults(LimitRange& object) {
  for (LimitRangeItem& item : object.spec.limits)
    set_defaults(item);
}

void set_defaults(EndpointSlice& object) {
  for (EndpointSlicePort& port : object.ports) {
    set_if_absent(port.name, "");
    set_if_absent(port.protocol, "TCP");
  }
}

void set_defaults(NetworkPolicy& object) {
  NetworkPolicySpec& spec = object.spec;
  for (NetworkPolicyIngressRule& rule : spec.ingress)
    set_defaults(rule.ports);
  for (NetworkPolicyEgressRule& rule : spec.egress)
    set_defaults(rule.ports);
  if (spec.policy_types.empty()) {
    spec.policy_types = {"Ingress"};
    if (!spec.egress.empty()) spec.policy_types.emplace_back("Egress");
  }
}

void set_defaults(IngressClass& object) {
  if (object.spec.parameters) set_if_absent(object.spec.parameters->scope, "Cluster");
}

void set_defaults(Tenant& object) {
  TenantSpec& spec = object.spec;
  if (spec.namespaces.empty() && !object.metadata.name.empty())
    spec.namespaces = {object.metadata.name};
  set_defaults(spec.gateway.service);
  for (TenantModel& model : spec.gateway.models) {
    set_if_empty(model.routing.policy, "LeastRequests");
    if (model.health_check) set_defaults(*model.health_check);
    for (TenantBackend& backend : model.backends) {
      if (!backend.provider) {
        set_defaults(backend.service);
      } else if (backend.provider->api_key_header.empty()) {
        backend.provider->api_key_header = kProviderKeyHeaders.front();
      }
      set_if_absent(backend.weight, 1);
    }
  }
  set_if_absent(spec.gateway.rate_limit.requests_per_hour, kRequestsPerHour);
  if (spec.gateway.cors) set_if_absent(spec.gateway.cors->max_age_seconds, kCorsMaxAgeSeconds);
  for (TenantJwt& jwt : spec.gateway.jwt) {
    // Shared and public keys take different algorithms, so that one cannot be passed off as the
    // other.
    if (!jwt.algorithms.empty()) continue;
    if (jwt.secret_ref) {
      jwt.algorithms = {"HS256"};
    } else if (!jwt.public_keys.empty()) {
      jwt.algorithms = {"RS256", "ES256", "EdDSA"};
    } else {
      // The keys of a JWK set say themselves what they are for.
      jwt.algorithms = {"RS256", "RS384", "RS512", "PS256", "PS384",
                        "PS512", "ES256", "ES384", "ES512", "EdDSA"};
    }
  }
  if (spec.serve) set_if_absent(spec.serve->replicas, 1);
}

}  // namespace insula::api
