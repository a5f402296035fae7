#include <set>

#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kNamespaceColumns[] = {
    kNameColumn,
    {"Status", "string", "", "Active, or Terminating while its content is being deleted."},
    kAgeColumn,
};

constexpr Column kNodeColumns[] = {
    kNameColumn,
    {"Status", "string", "", "Whether the node can run pods."},
    {"Roles", "string", "", "Roles given by labels."},
    kAgeColumn,
    {"Version", "string", "", "Version of the node agent."},
    {"Internal-IP", "string", "", "Address inside the cluster.", 1},
    {"External-IP", "string", "", "Address from outside.", 1},
    {"OS-Image", "string", "", "Name of the distribution.", 1},
    {"Kernel-Version", "string", "", "Version of the kernel.", 1},
    {"Container-Runtime", "string", "", "Name and version of the container runtime.", 1},
};

constexpr Column kLeaseColumns[] = {
    kNameColumn,
    {"Holder", "string", "", "Who holds the lease."},
    kAgeColumn,
};

constexpr Column kQuotaColumns[] = {
    kNameColumn,
    {"Request", "string", "", "Used and allowed, of requests and counts."},
    {"Limit", "string", "", "Used and allowed, of limits."},
    kAgeColumn,
};

constexpr Column kLimitRangeColumns[] = {
    kNameColumn,
    {"Created At", "date", "", "When the object was made."},
};

constexpr Column kTenantColumns[] = {
    kNameColumn,
    {"Phase", "string", "", "Whether the tenant can be used."},
    {"Namespaces", "string", "", "Namespaces of the tenant."},
    {"GPUs", "string", "", "GPUs that its pods may request together."},
    {"Memory", "string", "", "Memory that its pods may have together."},
    {"Requests/Hour", "string", "", "Requests that the gateway admits in any 3600 seconds."},
    kAgeColumn,
};

std::string node_status(const Node& node) {
  std::string text = "Unknown";
  for (const NodeCondition& condition : node.status.conditions) {
    if (condition.type == "Ready") text = condition.status == "True" ? "Ready" : "NotReady";
  }
  return node.spec.unschedulable ? text + ",SchedulingDisabled" : text;
}

std::string node_roles(const Node& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  for (const auto& [key, value] : node.metadata.labels) {
    if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) {
      roles.insert(key.substr(kPrefix.size()));
    } else if (key == "kubernetes.io/role" && !value.empty()) {
      roles.insert(value);
    }
  }
  return roles.empty() ? "<none>" : fmt::format("{}", fmt::join(roles, ","));
}

std::string node_address(const Node& node, std::string_view type) {
  for (const NodeAddress& address : node.status.addresses) {
    if (address.type == type) return address.address;
  }
  return "<none>";
}

std::string or_unknown(const std::string& text) {
  return text.empty() ? "<unknown>" : text;
}

enum class QuotaPart : bool { kRequests, kLimits };

/// `pods: 1/10, requests.cpu: 2/8`
std::string quota_text(const ResourceQuotaStatus& status, QuotaPart part) {
  std::string text;
  for (const auto& [name, hard] : status.hard) {
    if (name.starts_with("limits.") != (part == QuotaPart::kLimits)) continue;
    const auto used = status.used.find(name);
    if (!text.empty()) text += ", ";
    text += fmt::format("{}: {}/{}", name, used == status.used.end() ? "0" : used->second.text(),
                        hard.text());
  }
  return text;
}

std::string or_unlimited(const std::optional<std::int64_t>& value) {
  return value ? fmt::format("{}", *value) : "<none>";
}

}  // namespace

std::span<const Column> namespace_columns() {
  return kNamespaceColumns;
}

std::vector<Cell> cells(const Namespace& object, WallTime now) {
  return {object.metadata.name, object.status.phase, age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> node_columns() {
  return kNodeColumns;
}

std::vector<Cell> cells(const Node& object, WallTime now) {
  const NodeSystemInfo& info = object.status.node_info;
  return {
      object.metadata.name,
      node_status(object),
      node_roles(object),
      age(object.metadata.creation_timestamp, now),
      info.kubelet_version,
      node_address(object, "InternalIP"),
      node_address(object, "ExternalIP"),
      or_unknown(info.os_image),
      or_unknown(info.kernel_version),
      or_unknown(info.container_runtime_version),
  };
}

std::span<const Column> lease_columns() {
  return kLeaseColumns;
}

std::vector<Cell> cells(const Lease& object, WallTime now) {
  return {object.metadata.name, object.spec.holder_identity.value_or(""),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> resource_quota_columns() {
  return kQuotaColumns;
}

std::vector<Cell> cells(const ResourceQuota& object, WallTime now) {
  return {object.metadata.name, quota_text(object.status, QuotaPart::kRequests),
          quota_text(object.status, QuotaPart::kLimits),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> limit_range_columns() {
  return kLimitRangeColumns;
}

std::vector<Cell> cells(const LimitRange& object, WallTime) {
  return {object.metadata.name, object.metadata.creation_timestamp.text()};
}

std::span<const Column> tenant_columns() {
  return kTenantColumns;
}

std::vector<Cell> cells(const Tenant& object, WallTime now) {
  const TenantSpec& spec = object.spec;
  return {
      object.metadata.name,
      object.status.phase,
      fmt::format("{}", fmt::join(spec.namespaces, ",")),
      or_unlimited(spec.quota.gpus),
      spec.quota.memory ? spec.quota.memory->text() : "<none>",
      or_unlimited(spec.gateway.rate_limit.requests_per_hour),
      age(object.metadata.creation_timestamp, now),
  };
}

}  // namespace insula::api
