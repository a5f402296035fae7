#include "api/tenant.h"

#include <algorithm>

#include "base/number.h"

namespace insula::api {
namespace {

constexpr std::size_t kAmountDecimals = 9;
constexpr std::int64_t kNanosPerUnit = 1'000'000'000;

}  // namespace

std::optional<std::int64_t> parse_amount(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view fraction = point == text.npos ? "0" : text.substr(point + 1);
  const auto whole = parse_whole<std::uint32_t>(text.substr(0, point));
  const auto part = parse_whole<std::uint32_t>(fraction);
  if (!whole || !part || fraction.size() > kAmountDecimals) return std::nullopt;
  std::int64_t nanos = *part;
  for (std::size_t digits = fraction.size(); digits < kAmountDecimals; ++digits)
    nanos *= 10;
  nanos += *whole * kNanosPerUnit;
  if (nanos > kBudgetUnitsMax * kNanosPerUnit) return std::nullopt;
  return nanos;
}

std::string_view owning_tenant(const ObjectMeta& name_space) {
  for (const OwnerReference& owner : name_space.owner_references) {
    if (owner.controller.value_or(false) && owner.kind == "Tenant" &&
        owner.api_version.starts_with("insula.dev/"))
      return owner.name;
  }
  return {};
}

std::vector<std::string> namespaces_of(const Tenant& tenant) {
  if (tenant.spec.namespaces.empty()) return {tenant.metadata.name};
  return tenant.spec.namespaces;
}

std::optional<std::string> namespace_in(const Tenant& tenant, const std::string& asked) {
  const std::vector<std::string> own = namespaces_of(tenant);
  if (asked.empty()) return own.front();
  if (std::ranges::find(own, asked) == own.end()) return std::nullopt;
  return asked;
}

}  // namespace insula::api
