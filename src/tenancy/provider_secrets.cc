#include "tenancy/provider_secrets.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace insula::tenancy {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

ProviderSecrets::ProviderSecrets(client::Client& client,
                                 std::function<void(const std::string&)> changed)
    : client_(client), changed_(std::move(changed)) {}

void ProviderSecrets::follow(const api::Tenant& tenant) {
  const std::string& name = tenant.metadata.name;
  const std::vector<api::SecretRef> wanted = api::provider_secrets(tenant);
  for (const api::SecretRef& ref : wanted) {
    Followed& followed = followed_[ref];
    if (!contains(followed.tenants, name)) followed.tenants.push_back(name);
    if (followed.informer != nullptr) continue;
    controller::ReflectorOptions options;
    options.name_space = ref.name_space;
    options.field_selector = "metadata.name=" + ref.name;
    followed.informer =
        std::make_unique<controller::Informer<api::Secret>>(client_, std::move(options));
    followed.informer->on_change([this, ref](const auto*, const auto*) { tell(ref); });
    followed.informer->start();
    followed.tasks.spawn(tell_when_known(ref));
  }
  forget_but(name, wanted);
}

void ProviderSecrets::tell(const api::SecretRef& ref) {
  for (const std::string& tenant : followed_.at(ref).tenants)
    changed_(tenant);
}

/// Of a Secret that is not there no change is heard.
Task<> ProviderSecrets::tell_when_known(api::SecretRef ref) {
  co_await followed_.at(ref).informer->synced().wait();
  tell(ref);
}

void ProviderSecrets::forget(const std::string& tenant) {
  forget_but(tenant, {});
}

void ProviderSecrets::forget_but(const std::string& tenant,
                                 const std::vector<api::SecretRef>& wanted) {
  for (auto& [ref, followed] : followed_) {
    if (std::ranges::find(wanted, ref) == wanted.end()) std::erase(followed.tenants, tenant);
  }
  std::erase_if(followed_, [](const auto& entry) { return entry.second.tenants.empty(); });
}

std::optional<std::vector<std::string>> ProviderSecrets::problems_of(
    const api::Tenant& tenant) const {
  std::vector<std::string> problems;
  bool known = true;
  const auto check = [&](const api::TenantModel& model, const api::TenantKeyRef& ref) {
    const auto where = api::provider_secret(tenant, ref);
    std::shared_ptr<const api::Secret> secret;
    if (where) {
      const auto followed = followed_.find(*where);
      known = known && followed != followed_.end() && followed->second.informer->synced().is_set();
      if (followed != followed_.end())
        secret = followed->second.informer->get({where->name_space, where->name});
    }
    const auto entry = api::provider_entry(tenant, ref, secret.get());
    if (!entry)
      problems.push_back(fmt::format("model {}: {}", model.name, entry.error().message()));
  };
  for (const api::TenantModel& model : tenant.spec.gateway.models) {
    for (const api::TenantBackend& backend : model.backends) {
      if (!backend.provider) continue;
      for (const auto* ref : {&backend.provider->api_key_ref, &backend.provider->ca_ref}) {
        if (*ref) check(model, **ref);
      }
    }
  }
  if (!known) return std::nullopt;
  return problems;
}

}  // namespace insula::tenancy
