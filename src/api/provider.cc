#include "api/provider.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/platform_objects.h"
#include "api/tenant.h"

namespace insula::api {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";

/// Whether `list`, names with commas between them, has this tenant in it.
bool names_tenant(std::string_view list, std::string_view tenant) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view name = list.substr(0, comma);
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
    name.remove_prefix(std::min(name.find_first_not_of(kWhiteSpace), name.size()));
    name = name.substr(0, name.find_last_not_of(kWhiteSpace) + 1);
    if (name == "*" || name == tenant) return true;
  }
  return false;
}

bool is_for(const Secret& secret, const Tenant& tenant) {
  if (secret.type != kProviderKeyType) return false;
  const auto tenants = secret.data.find(kProviderTenantsEntry);
  return tenants != secret.data.end() && names_tenant(tenants->second, tenant.metadata.name);
}

}  // namespace

std::optional<SecretRef> provider_secret(const Tenant& tenant, const TenantKeyRef& ref) {
  if (ref.namespace_ == kSystemNamespace) return SecretRef{kSystemNamespace, ref.name};
  const auto name_space = namespace_in(tenant, ref.namespace_);
  if (!name_space) return std::nullopt;
  return SecretRef{*name_space, ref.name};
}

std::vector<SecretRef> provider_secrets(const Tenant& tenant) {
  std::vector<SecretRef> refs;
  for (const TenantModel& model : tenant.spec.gateway.models) {
    for (const TenantBackend& backend : model.backends) {
      if (!backend.provider) continue;
      for (const auto* ref : {&backend.provider->api_key_ref, &backend.provider->ca_ref}) {
        if (!*ref) continue;
        if (auto secret = provider_secret(tenant, **ref)) refs.push_back(*std::move(secret));
      }
    }
  }
  return refs;
}

Result<std::string> provider_entry(const Tenant& tenant,
                                   const TenantKeyRef& ref,
                                   const Secret* secret) {
  const auto where = provider_secret(tenant, ref);
  const std::string named =
      fmt::format("Secret {}/{}", where ? where->name_space : ref.namespace_, ref.name);
  const bool system = where && where->name_space == kSystemNamespace;
  if (!where || (system && (secret == nullptr || !is_for(*secret, tenant)))) {
    return fail(ErrorCode::kForbidden,
                fmt::format("{} is not for this tenant: one of {} must be of type {} and name it "
                            "in its entry {}",
                            named, kSystemNamespace, kProviderKeyType, kProviderTenantsEntry));
  }
  if (secret == nullptr) return fail(ErrorCode::kNotFound, named + " does not exist");
  const auto entry = secret->data.find(ref.key);
  if (entry == secret->data.end())
    return fail(ErrorCode::kNotFound, fmt::format("{} has no entry {}", named, ref.key));
  const std::string_view text = entry->second;
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == text.npos)
    return fail(ErrorCode::kInvalid, fmt::format("{}: its entry {} is empty", named, ref.key));
  return std::string(text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1));
}

}  // namespace insula::api
