#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Rules on single words: names, keys, ports, addresses. Each function returns what is wrong with
/// the value, in Kubernetes' words, and nothing when it is right.
namespace insula::api {

using Complaints = std::vector<std::string>;

inline constexpr std::size_t kLabelMax = 63;       // bytes of a DNS label and of a label value
inline constexpr std::size_t kSubdomainMax = 253;  // bytes of a DNS subdomain

[[nodiscard]] Complaints check_dns1123_label(std::string_view value);
/// A label that begins with a letter.
[[nodiscard]] Complaints check_dns1035_label(std::string_view value);
[[nodiscard]] Complaints check_dns1123_subdomain(std::string_view value);
/// `*.` before a subdomain.
[[nodiscard]] Complaints check_wildcard_subdomain(std::string_view value);
/// A name that becomes a path segment of a URL.
[[nodiscard]] Complaints check_path_segment(std::string_view value);

/// `name` or `prefix/name`: label keys, annotation keys, resource names, finalizers.
[[nodiscard]] Complaints check_qualified_name(std::string_view value);
[[nodiscard]] Complaints check_label_value(std::string_view value);
/// A key of a ConfigMap or Secret.
[[nodiscard]] Complaints check_config_key(std::string_view value);
/// An environment variable: any printable ASCII but '='.
[[nodiscard]] Complaints check_env_name(std::string_view value);
[[nodiscard]] Complaints check_http_header_name(std::string_view value);

[[nodiscard]] Complaints check_port_number(std::int64_t value);
[[nodiscard]] Complaints check_port_name(std::string_view value);
[[nodiscard]] Complaints check_percent(std::string_view value);
/// IPv4 or IPv6.
[[nodiscard]] Complaints check_ip(std::string_view value);
[[nodiscard]] Complaints check_cidr(std::string_view value);

[[nodiscard]] std::string range_complaint(std::int64_t low, std::int64_t high);

[[nodiscard]] bool is_ipv4(std::string_view value);
[[nodiscard]] bool is_ipv6(std::string_view value);
/// Whether the range `outer` holds the first address of the range `inner`. Requires: both pass
/// check_cidr().
[[nodiscard]] bool cidr_contains(std::string_view outer, std::string_view inner);

}  // namespace insula::api
