#include "api/validation/addresses.h"

#include <array>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::size_t kRangesMax = 2;  // one of each family

void validate_segment(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  if (value.empty()) {
    errors.required(path);
  } else {
    errors.invalid_each(path, value, check_path_segment(value));
  }
}

/// An address in the one form that RFC 5952 (for IPv4: dotted decimals) has for it.
Complaints check_canonical_ip(const std::string& value) {
  Complaints complaints = check_ip(value);
  if (!complaints.empty() || is_ipv4(value)) return complaints;
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_pton(AF_INET6, value.c_str(), bytes.data());
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  if (value == text.data()) return {};
  return {fmt::format("must be in canonical form (\"{}\")", text.data())};
}

bool is_ipv6_range(std::string_view range) {
  return is_ipv6(range.substr(0, range.find('/')));
}

}  // namespace

void validate(const IPAddress& object, FieldErrors& errors) {
  errors.invalid_each(FieldPath("metadata.name"), object.metadata.name,
                      check_canonical_ip(object.metadata.name));
  const FieldPath path("spec.parentRef");
  if (!object.spec.parent_ref) {
    errors.required(path);
    return;
  }
  const auto& [group, resource, name_space, name] = *object.spec.parent_ref;
  if (!group.empty())
    errors.invalid_each(path.child("group"), group, check_dns1123_subdomain(group));
  validate_segment(resource, path.child("resource"), errors);
  validate_segment(name, path.child("name"), errors);
  if (!name_space.empty())
    errors.invalid_each(path.child("namespace"), name_space, check_path_segment(name_space));
}

void validate_update(const IPAddress& object,
                     const IPAddress& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (!(object.spec == old.spec))
    errors.invalid(FieldPath("spec.parentRef"), shown(object.spec), kFieldImmutable);
}

void validate(const ServiceCIDR& object, FieldErrors& errors) {
  const FieldPath path("spec.cidrs");
  const std::vector<std::string>& ranges = object.spec.cidrs;
  if (ranges.empty()) {
    errors.required(path, "at least one CIDR required");
    return;
  }
  if (ranges.size() > kRangesMax) {
    errors.invalid(path, shown_list(ranges), "may only hold up to 2 values");
    return;
  }
  bool all_good = true;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Complaints complaints = check_cidr(ranges[i]);
    all_good = all_good && complaints.empty();
    errors.invalid_each(path.index(i), ranges[i], complaints);
  }
  if (all_good && ranges.size() == 2 && is_ipv6_range(ranges[0]) == is_ipv6_range(ranges[1])) {
    errors.invalid(path, shown_list(ranges),
                   "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
                   "2001:db8::/64");
  }
}

void validate_update(const ServiceCIDR& object,
                     const ServiceCIDR& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") return;
  const FieldPath path("spec.cidrs");
  const std::vector<std::string>& now = object.spec.cidrs;
  const std::vector<std::string>& before = old.spec.cidrs;
  const bool second_family = before.size() == 1 && now.size() == 2;
  if (now.size() != before.size() && !second_family) {
    errors.invalid(path, shown_list(now), kFieldImmutable);
    return;
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (now[i] != before[i]) errors.invalid(path.index(i), now[i], kFieldImmutable);
  }
}

}  // namespace insula::api
