#include "gateway/platform_watch.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

namespace insula::gateway {
namespace {

controller::ReflectorOptions in_namespace(std::string_view name_space) {
  controller::ReflectorOptions options;
  options.name_space = name_space;
  return options;
}

}  // namespace

PlatformWatch::PlatformWatch(client::Client& client, Log log)
    : client_(client),
      log_(log),
      tenants_(client, {}, log),
      services_(client, {}, log),
      slices_(client, {}, log),
      system_secrets_(client, in_namespace(kSystemNamespace), log) {
  const auto wake = [this](const auto*, const auto*) { changed_.set(); };
  tenants_.on_change(wake);
  services_.on_change(wake);
  slices_.on_change(wake);
  system_secrets_.on_change(wake);
}

void PlatformWatch::start() {
  tenants_.start();
  services_.start();
  slices_.start();
  system_secrets_.start();
  changed_.set();
}

Task<> PlatformWatch::wait_for_sync() {
  co_await tenants_.synced().wait();
  co_await services_.synced().wait();
  co_await slices_.synced().wait();
  co_await system_secrets_.synced().wait();
}

/// One informer for each Secret that a Tenant names, and none for those no longer named.
void PlatformWatch::follow_references() {
  std::set<SecretRef> wanted;
  for (const auto& [key, tenant] : tenants_.all()) {
    for (SecretRef& ref : secrets_of(*tenant))
      wanted.insert(std::move(ref));
  }
  std::erase_if(referenced_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const SecretRef& ref : wanted) {
    if (referenced_.contains(ref)) continue;
    controller::ReflectorOptions options = in_namespace(ref.name_space);
    options.field_selector = "metadata.name=" + ref.name;
    auto informer =
        std::make_unique<controller::Informer<api::Secret>>(client_, std::move(options), log_);
    informer->on_change([this](const auto*, const auto*) { changed_.set(); });
    informer->start();
    referenced_.emplace(ref, std::move(informer));
  }
}

GatewayConfig PlatformWatch::config() const {
  PlatformObjects objects;
  for (const auto& [key, tenant] : tenants_.all())
    objects.tenants.push_back(tenant);
  for (const auto& [key, service] : services_.all())
    objects.services.push_back(service);
  for (const auto& [key, slice] : slices_.all())
    objects.slices.push_back(slice);
  for (const auto& [key, secret] : system_secrets_.all())
    objects.secrets.push_back(secret);
  for (const auto& [ref, informer] : referenced_) {
    for (const auto& [key, secret] : informer->all())
      objects.secrets.push_back(secret);
  }
  return make_config(objects);
}

Task<GatewayConfig> PlatformWatch::next() {
  co_await wait_for_sync();
  for (;;) {
    co_await changed_.wait();
    changed_.reset();
    follow_references();
    GatewayConfig current = config();
    if (last_ == current) continue;
    last_ = current;
    co_return current;
  }
}

}  // namespace insula::gateway
