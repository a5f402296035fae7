#include "tenancy/belongings.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/platform_objects.h"
#include "api/rbac.h"
#include "api/shared_quota.h"
#include "api/tenant.h"
#include "controller/owner.h"

namespace insula::tenancy {

namespace {

using Amounts = std::map<std::string, api::Quantity>;

constexpr const char* kGpu = "nvidia.com/gpu";
constexpr const char* kAppLabel = "app";
// A container without limits may use this part of the tenant's share, but no more than the maximum:
// enough for a proxy such as LiteLLM, and eight of them fit.
constexpr std::int64_t kDefaultPart = 8;
constexpr std::int64_t kDefaultMemoryMax = std::int64_t{4} << 30;
constexpr std::int64_t kDefaultCpuMilliMax = 2000;
// What it is promised is little, so that many small pods fit.
constexpr std::int64_t kRequestedMemory = std::int64_t{128} << 20;
constexpr std::int64_t kRequestedCpuMilli = 100;

api::ObjectMeta metadata_of(const api::Tenant& tenant,
                            const std::string& name_space,
                            const std::string& name) {
  api::ObjectMeta metadata;
  metadata.namespace_ = name_space;
  metadata.name = name;
  metadata.labels[kTenantLabel] = tenant.metadata.name;
  metadata.owner_references.push_back(controller::controlled_by(tenant));
  return metadata;
}

template <class T>
void stamp(T& object) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a, 64 bits
  for (const char c : api::encode_json(object))
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  object.metadata.annotations[kAppliedAnnotation] = fmt::format("{:016x}", hash);
}

std::string member_group(const api::Tenant& tenant) {
  return api::kTenantGroupPrefix + tenant.metadata.name;
}

api::RoleRef cluster_role(std::string name) {
  return {std::string(api::kRbacGroup), "ClusterRole", std::move(name)};
}

std::vector<api::Subject> members_of(const api::Tenant& tenant) {
  return {{"Group", std::string(api::kRbacGroup), member_group(tenant), {}}};
}

api::LabelSelector tenant_namespaces(const api::Tenant& tenant) {
  api::LabelSelector selector;
  api::LabelSelectorRequirement& requirement = selector.match_expressions.emplace_back();
  // The label that the server itself puts on a namespace; ours could be put on by others.
  requirement.key = "kubernetes.io/metadata.name";
  requirement.operator_ = "In";
  requirement.values = api::namespaces_of(tenant);
  return selector;
}

api::LabelSelector one_namespace(const char* name) {
  api::LabelSelector selector;
  selector.match_labels["kubernetes.io/metadata.name"] = name;
  return selector;
}

api::NetworkPolicy policy_of(const api::Tenant& tenant,
                             const std::string& name_space,
                             const char* name,
                             std::vector<std::string> types) {
  api::NetworkPolicy policy;
  policy.metadata = metadata_of(tenant, name_space, name);
  policy.spec.policy_types = std::move(types);
  return policy;
}

api::NetworkPolicyPort port_of(const char* protocol, std::int32_t number) {
  api::NetworkPolicyPort port;
  port.protocol = protocol;
  port.port = api::IntOrString(number);
  return port;
}

api::NetworkPolicyPeer peer_of(api::LabelSelector namespaces) {
  api::NetworkPolicyPeer peer;
  peer.namespace_selector = std::move(namespaces);
  return peer;
}

api::ResourceRequirements server_resources(const api::Tenant& tenant) {
  api::ResourceRequirements resources;
  if (tenant.spec.quota.gpus.value_or(0) > 0) {
    resources.requests[kGpu] = api::Quantity::of(1);
    resources.limits[kGpu] = api::Quantity::of(1);
  }
  return resources;
}

// Where the quota has no room for one pod more, a rolling update must first take one away.
api::DeploymentStrategy server_strategy(const api::Tenant& tenant, std::int32_t replicas) {
  const auto& gpus = tenant.spec.quota.gpus;
  const bool full = gpus && *gpus > 0 && replicas + 1 > *gpus;
  api::DeploymentStrategy strategy;
  strategy.type = "RollingUpdate";
  strategy.rolling_update.emplace();
  strategy.rolling_update->max_surge = api::IntOrString(full ? 0 : 1);
  strategy.rolling_update->max_unavailable = api::IntOrString(full ? 1 : 0);
  return strategy;
}

api::Container server_container(const api::Tenant& tenant) {
  const std::int32_t port = tenant.spec.gateway.service.port;
  api::Container container;
  container.name = "server";
  container.image = tenant.spec.serve->image;
  // What vLLM, LiteLLM, llama.cpp and llm-sim all understand. The pod's own address, because
  // without network namespaces the pods of a machine share its ports.
  container.args = {"--host", "$(POD_IP)", "--port", std::to_string(port)};
  if (!tenant.spec.serve->model.empty()) {
    container.args.insert(container.args.end(), {"--model", tenant.spec.serve->model});
  }
  api::EnvVar& address = container.env.emplace_back();
  address.name = "POD_IP";
  address.value_from.emplace().field_ref.emplace().field_path = "status.podIP";
  api::ContainerPort& http = container.ports.emplace_back();
  http.name = "http";
  http.container_port = port;
  container.resources = server_resources(tenant);
  api::Probe& probe = container.readiness_probe.emplace();
  probe.handler.tcp_socket.emplace().port = api::IntOrString("http");
  probe.period_seconds = 1;
  return container;
}

}  // namespace

std::string service_namespace(const api::Tenant& tenant) {
  const std::string& named = tenant.spec.gateway.service.namespace_;
  return named.empty() ? api::namespaces_of(tenant).front() : named;
}

api::Namespace desired_namespace(const api::Tenant& tenant, const std::string& name) {
  api::Namespace name_space;
  name_space.metadata = metadata_of(tenant, {}, name);
  return name_space;
}

std::optional<api::ResourceQuota> desired_quota(const api::Tenant& tenant,
                                                const std::string& name_space) {
  const api::TenantQuota& wanted = tenant.spec.quota;
  Amounts hard;
  if (wanted.gpus) hard[std::string("requests.") + kGpu] = api::Quantity::of(*wanted.gpus);
  if (wanted.memory) hard["requests.memory"] = hard["limits.memory"] = *wanted.memory;
  if (wanted.cpu) hard["requests.cpu"] = hard["limits.cpu"] = *wanted.cpu;
  if (wanted.pods) hard["pods"] = api::Quantity::of(*wanted.pods);
  if (hard.empty()) return std::nullopt;
  api::ResourceQuota quota;
  quota.metadata = metadata_of(tenant, name_space, kQuotaName);
  quota.spec.hard = std::move(hard);
  // The quota is the tenant's: its namespaces draw on it together.
  if (api::namespaces_of(tenant).size() > 1)
    quota.metadata.annotations[api::kSharedQuotaAnnotation] = tenant.metadata.uid;
  return quota;
}

std::optional<api::LimitRange> desired_limit_range(const api::Tenant& tenant,
                                                   const std::string& name_space) {
  const api::TenantQuota& quota = tenant.spec.quota;
  api::LimitRangeItem item;
  item.type = "Container";
  if (quota.memory) {
    const std::int64_t limit = std::min(quota.memory->value() / kDefaultPart, kDefaultMemoryMax);
    item.default_["memory"] = api::Quantity::of(limit, api::Quantity::Format::kBinarySi);
    item.default_request["memory"] =
        api::Quantity::of(std::min(limit, kRequestedMemory), api::Quantity::Format::kBinarySi);
  }
  if (quota.cpu) {
    const std::int64_t limit =
        std::min(quota.cpu->milli_value() / kDefaultPart, kDefaultCpuMilliMax);
    item.default_["cpu"] = api::Quantity::of_milli(limit);
    item.default_request["cpu"] = api::Quantity::of_milli(std::min(limit, kRequestedCpuMilli));
  }
  if (item.default_.empty()) return std::nullopt;
  api::LimitRange range;
  range.metadata = metadata_of(tenant, name_space, kLimitRangeName);
  range.spec.limits.push_back(std::move(item));
  return range;
}

std::vector<api::NetworkPolicy> desired_policies(const api::Tenant& tenant,
                                                 const std::string& name_space) {
  std::vector<api::NetworkPolicy> policies;
  policies.push_back(policy_of(tenant, name_space, "default-deny", {"Ingress", "Egress"}));

  api::NetworkPolicy same = policy_of(tenant, name_space, "allow-tenant", {"Ingress", "Egress"});
  same.spec.ingress.emplace_back().from.push_back(peer_of(tenant_namespaces(tenant)));
  same.spec.egress.emplace_back().to.push_back(peer_of(tenant_namespaces(tenant)));
  policies.push_back(std::move(same));

  api::NetworkPolicy gateway = policy_of(tenant, name_space, "allow-gateway", {"Ingress"});
  gateway.spec.ingress.emplace_back().from.push_back(peer_of(one_namespace(api::kSystemNamespace)));
  policies.push_back(std::move(gateway));

  api::NetworkPolicy dns = policy_of(tenant, name_space, "allow-dns", {"Egress"});
  api::NetworkPolicyEgressRule& lookups = dns.spec.egress.emplace_back();
  lookups.to.push_back(peer_of(one_namespace(kDnsNamespace)));
  lookups.ports = {port_of("UDP", 53), port_of("TCP", 53)};
  policies.push_back(std::move(dns));

  api::NetworkPolicy internet = policy_of(tenant, name_space, "allow-internet", {"Egress"});
  api::IPBlock& block = internet.spec.egress.emplace_back().to.emplace_back().ip_block.emplace();
  block.cidr = "0.0.0.0/0";
  block.except = {"10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",
                  "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"};
  policies.push_back(std::move(internet));
  return policies;
}

api::RoleBinding desired_member_binding(const api::Tenant& tenant, const std::string& name_space) {
  api::RoleBinding binding;
  binding.metadata = metadata_of(tenant, name_space, kMembersName);
  binding.subjects = members_of(tenant);
  binding.role_ref = cluster_role(api::kTenantMemberRole);
  return binding;
}

api::ClusterRole desired_reader(const api::Tenant& tenant) {
  api::ClusterRole role;
  role.metadata = metadata_of(tenant, {}, member_group(tenant));
  api::PolicyRule& rule = role.rules.emplace_back();
  rule.verbs = {"get"};
  rule.api_groups = {std::string(api::kind_of<api::Tenant>().group)};
  rule.resources = {std::string(api::kind_of<api::Tenant>().plural)};
  rule.resource_names = {tenant.metadata.name};
  return role;
}

api::ClusterRoleBinding desired_reader_binding(const api::Tenant& tenant) {
  api::ClusterRoleBinding binding;
  binding.metadata = metadata_of(tenant, {}, member_group(tenant));
  binding.subjects = members_of(tenant);
  binding.role_ref = cluster_role(member_group(tenant));
  return binding;
}

std::optional<api::Deployment> desired_deployment(const api::Tenant& tenant) {
  if (!tenant.spec.serve) return std::nullopt;
  const std::int32_t replicas = tenant.spec.serve->replicas.value_or(1);
  const std::string& name = tenant.spec.gateway.service.name;
  api::Deployment deployment;
  deployment.metadata = metadata_of(tenant, service_namespace(tenant), name);
  deployment.metadata.annotations[kReplicasAnnotation] = std::to_string(replicas);
  deployment.spec.replicas = replicas;
  deployment.spec.selector.emplace().match_labels[kAppLabel] = name;
  deployment.spec.strategy = server_strategy(tenant, replicas);
  deployment.spec.template_.metadata.labels[kAppLabel] = name;
  api::PodSpec& pod = deployment.spec.template_.spec;
  pod.containers.push_back(server_container(tenant));
  pod.automount_service_account_token = false;
  stamp(deployment);
  return deployment;
}

std::optional<api::Service> desired_service(const api::Tenant& tenant) {
  if (!tenant.spec.serve) return std::nullopt;
  const api::TenantService& wanted = tenant.spec.gateway.service;
  api::Service service;
  service.metadata = metadata_of(tenant, service_namespace(tenant), wanted.name);
  service.spec.selector[kAppLabel] = wanted.name;
  api::ServicePort& port = service.spec.ports.emplace_back();
  port.name = "http";
  port.port = wanted.port;
  port.target_port = api::IntOrString("http");
  stamp(service);
  return service;
}

}  // namespace insula::tenancy
