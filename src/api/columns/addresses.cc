#include "api/columns/addresses.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kAddressColumns[] = {
    kNameColumn,
    {"ParentRef", "string", "", "The object that has the address."},
    kAgeColumn,
};

constexpr Column kRangeColumns[] = {
    kNameColumn,
    {"CIDRs", "string", "", "The ranges."},
    kAgeColumn,
};

std::string parent_text(const AddressParentReference& parent) {
  std::string text = parent.resource;
  if (!parent.group.empty()) text += "." + parent.group;
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!parent.namespace_.empty()) text += "/" + parent.namespace_;
  return text + "/" + parent.name;
}

}  // namespace

std::span<const Column> ip_address_columns() {
  return kAddressColumns;
}

std::vector<Cell> cells(const IPAddress& object, WallTime now) {
  return {object.metadata.name,
          object.spec.parent_ref ? parent_text(*object.spec.parent_ref) : "<none>",
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> service_cidr_columns() {
  return kRangeColumns;
}

std::vector<Cell> cells(const ServiceCIDR& object, WallTime now) {
  return {object.metadata.name, fmt::format("{}", fmt::join(object.spec.cidrs, ",")),
          age(object.metadata.creation_timestamp, now)};
}

}  // namespace insula::api
