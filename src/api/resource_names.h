#pragma once

#include <string_view>

/// What the name of a resource says: `cpu`, `nvidia.com/gpu`, `requests.memory`, `hugepages-2Mi`.
namespace insula::api {

[[nodiscard]] bool is_huge_page_resource(std::string_view name);
/// Kubernetes' own: without a prefix, or of kubernetes.io.
[[nodiscard]] bool is_native_resource(std::string_view name);
/// Whole devices of a vendor: `nvidia.com/gpu`.
[[nodiscard]] bool is_extended_resource(std::string_view name);
/// Whether limits may be higher than requests.
[[nodiscard]] bool is_overcommit_allowed(std::string_view name);
/// Whether only whole numbers make sense.
[[nodiscard]] bool is_integer_resource(std::string_view name);
/// Names without a prefix that a ResourceQuota may limit.
[[nodiscard]] bool is_standard_quota_resource(std::string_view name);
[[nodiscard]] bool is_standard_container_resource(std::string_view name);
/// Any name that Kubernetes knows without a prefix.
[[nodiscard]] bool is_standard_resource(std::string_view name);

}  // namespace insula::api
