#include "apiserver/tenant_of.h"

#include "api/gen/core_v1.h"
#include "api/platform_objects.h"
#include "api/tenant.h"
#include "apiserver/object.h"
#include "apiserver/service_account.h"

namespace insula::apiserver {
namespace {

template <class Reader>
std::string controlling_tenant(std::string_view name_space, const Reader& reader) {
  const store::EntryPtr entry =
      reader.find(store_key(api::kind_of<api::Namespace>(), "", name_space));
  if (!entry) return {};
  return std::string(api::owning_tenant(object_of<api::Namespace>(*entry)->metadata));
}

}  // namespace

std::string tenant_of_namespace(std::string_view name_space, const store::Store& store) {
  return controlling_tenant(name_space, store);
}

std::string tenant_of_namespace(std::string_view name_space,
                                const store::Transaction& transaction) {
  return controlling_tenant(name_space, transaction);
}

std::string tenant_of_caller(const User& caller, const store::Store& store) {
  constexpr std::string_view kPrefix = api::kTenantGroupPrefix;
  for (const std::string& group : caller.groups) {
    if (group.starts_with(kPrefix)) return group.substr(kPrefix.size());
  }
  const auto account = ServiceAccountName::of(caller.name);
  return account ? tenant_of_namespace(account->name_space, store) : std::string();
}

}  // namespace insula::apiserver
