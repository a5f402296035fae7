#include "api/resource_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "api/validation/names.h"

namespace insula::api {

namespace {

constexpr std::array<std::string_view, 9> kCounts = {
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
};

constexpr std::array<std::string_view, 10> kCompute = {
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
};

constexpr std::string_view kRequestsPrefix = "requests.";

bool among(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool is_huge_page_resource(std::string_view name) {
  return name.starts_with("hugepages-");
}

bool is_native_resource(std::string_view name) {
  return !name.contains('/') || name.contains("kubernetes.io/");
}

bool is_extended_resource(std::string_view name) {
  return !is_native_resource(name) && !name.starts_with(kRequestsPrefix) &&
         check_qualified_name(std::string(kRequestsPrefix).append(name)).empty();
}

bool is_overcommit_allowed(std::string_view name) {
  return is_native_resource(name) && !is_huge_page_resource(name);
}

bool is_integer_resource(std::string_view name) {
  return among(kCounts, name) || is_extended_resource(name);
}

bool is_standard_quota_resource(std::string_view name) {
  return among(kCompute, name) || among(kCounts, name) || is_huge_page_resource(name) ||
         name.starts_with("requests.hugepages-");
}

bool is_standard_container_resource(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" ||
         is_huge_page_resource(name);
}

bool is_standard_resource(std::string_view name) {
  return is_standard_quota_resource(name) || name == "storage";
}

}  // namespace insula::api
