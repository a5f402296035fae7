#include "gateway/platform_watch.h"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/ingress_hosts.h"
#include "api/platform_objects.h"
#include "api/tenant.h"
#include "async/deadline.h"
#include "gateway/platform_routes.h"

namespace insula::gateway {
namespace {

constexpr std::chrono::milliseconds kReferencePatience{500};

Task<> all_set(std::vector<Event*> events) {
  for (Event* event : events)
    co_await event->wait();
}

controller::ReflectorOptions selected(std::string_view name_space, std::string field_selector) {
  controller::ReflectorOptions options;
  options.name_space = name_space;
  options.field_selector = std::move(field_selector);
  return options;
}

/// Whether something of an object changed beside its status.
template <class T>
bool has_changed(const T* before, const T* after) {
  return before == nullptr || after == nullptr || before->spec != after->spec ||
         before->metadata.annotations != after->metadata.annotations ||
         before->metadata.uid != after->metadata.uid ||
         before->metadata.deletion_timestamp != after->metadata.deletion_timestamp;
}

}  // namespace

PlatformWatch::PlatformWatch(client::Client& client,
                             MetricsRegistry& registry,
                             const GatewayConfig& last,
                             std::optional<KeySource> cluster_keys,
                             api::GatewayEntrance entrance,
                             Log log)
    : client_(client),
      log_(log),
      prices_refused_(registry.gauge(
          "insula_gateway_prices_refused",
          "1 while the ConfigMap model-prices cannot be understood and the last good prices hold. "
          "The gateway's log says what is wrong with it.")),
      routes_refused_(registry.gauge(
          "insula_gateway_http_routes_refused",
          "HTTPRoutes of the gateway's Gateways that are not served as they ask. The conditions in "
          "their status say why.")),
      prices_(last.prices),
      certificates_(last.certificates, registry, log),
      cluster_keys_(std::move(cluster_keys)),
      entrance_(std::move(entrance)),
      tenants_(client, {}, log),
      services_(client, {}, log),
      slices_(client, {}, log),
      api_keys_(
          client, selected(api::kSystemNamespace, fmt::format("type={}", api::kApiKeyType)), log),
      provider_keys_(client,
                     selected(api::kSystemNamespace, fmt::format("type={}", api::kProviderKeyType)),
                     log),
      token_issuer_(
          client,
          selected(api::kSystemNamespace, fmt::format("metadata.name={}", api::kTokenIssuerPublic)),
          log),
      model_prices_(
          client,
          selected(api::kSystemNamespace, fmt::format("metadata.name={}", api::kModelPrices)),
          log),
      ingresses_(client, {}, log),
      ingress_classes_(client, {}, log),
      namespaces_(client, {}, log),
      ingress_hosts_(
          client,
          selected(api::kSystemNamespace, fmt::format("metadata.name={}", api::kIngressHosts)),
          log),
      accounts_(client, {}, log),
      gateway_classes_(client, {}, log),
      gateways_(client, {}, log),
      http_routes_(client, {}, log),
      grants_(client, {}, log),
      accepted_(client, {.name_space = api::kSystemNamespace}, log),
      collector_(registry.on_collect([this](Exposition& out) { collect(out); })) {
  listen_to_changes();
}

void PlatformWatch::listen_to_changes() {
  const auto wake = [this](const auto*, const auto*) { changed_.set(); };
  tenants_.on_change(wake);
  services_.on_change(wake);
  slices_.on_change(wake);
  api_keys_.on_change(wake);
  provider_keys_.on_change(wake);
  token_issuer_.on_change(wake);
  model_prices_.on_change(wake);
  ingresses_.on_change(wake);
  ingress_classes_.on_change(wake);
  ingress_hosts_.on_change(wake);
  accounts_.on_change(wake);
  gateway_classes_.on_change(wake);
  grants_.on_change(wake);
  accepted_.on_change(wake);
  // Statuses are written often, and say nothing new.
  gateways_.on_change([this](const api::Gateway* before, const api::Gateway* after) {
    if (has_changed(before, after)) changed_.set();
  });
  http_routes_.on_change([this](const api::HTTPRoute* before, const api::HTTPRoute* after) {
    if (has_changed(before, after)) changed_.set();
  });
  namespaces_.on_change([this](const api::Namespace* before, const api::Namespace* after) {
    const auto owner_of = [](const api::Namespace* one) {
      return one == nullptr ? std::string_view() : api::owning_tenant(one->metadata);
    };
    if (before == nullptr || after == nullptr || owner_of(before) != owner_of(after) ||
        before->metadata.labels != after->metadata.labels)
      changed_.set();
  });
}

std::vector<controller::Mirror*> PlatformWatch::mirrors() {
  return {&tenants_,       &services_,     &slices_,          &api_keys_,        &provider_keys_,
          &token_issuer_,  &model_prices_, &ingresses_,       &ingress_classes_, &namespaces_,
          &ingress_hosts_, &accounts_,     &gateway_classes_, &gateways_,        &http_routes_,
          &grants_,        &accepted_};
}

void PlatformWatch::start() {
  for (controller::Mirror* mirror : mirrors())
    mirror->start();
  changed_.set();
}

Task<> PlatformWatch::wait_for_sync() {
  for (controller::Mirror* mirror : mirrors())
    co_await mirror->synced().wait();
}

/// One informer for each Secret that a Tenant, an Ingress or a listener names, and none for those
/// no longer named. Returns when the new ones have read theirs, so that no issuer is without a
/// secret or CA that it has, but does not wait long for what may never be there.
Task<> PlatformWatch::follow_references() {
  std::vector<Event*> fresh;
  std::set<SecretRef> wanted;
  for (const auto& [key, tenant] : tenants_.all()) {
    for (SecretRef& ref : secrets_of(*tenant))
      wanted.insert(std::move(ref));
  }
  for (SecretRef& ref : secrets_of(api::decide_routing(routing_objects())))
    wanted.insert(std::move(ref));
  std::erase_if(referenced_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const SecretRef& ref : wanted) {
    if (referenced_.contains(ref)) continue;
    auto informer = std::make_unique<controller::Informer<api::Secret>>(
        client_, selected(ref.name_space, "metadata.name=" + ref.name), log_);
    informer->on_change([this](const auto*, const auto*) { changed_.set(); });
    informer->start();
    fresh.push_back(&informer->synced());
    referenced_.emplace(ref, std::move(informer));
  }
  if (!fresh.empty()) co_await race(all_set(std::move(fresh)), sleep_for(kReferencePatience));
}

void PlatformWatch::read_prices() {
  std::shared_ptr<const api::ConfigMap> object;
  for (const auto& [key, found] : model_prices_.all())
    object = found;
  auto prices = price_list(object.get());
  const std::string problem = prices ? std::string() : prices.error().message();
  if (prices) prices_ = *std::move(prices);
  prices_refused_.set(problem.empty() ? 0 : 1);
  if (problem != prices_problem_) {
    if (problem.empty()) {
      log_.info("model prices understood again");
    } else {
      log_.error("model prices not understood: the last good ones hold", "err", problem);
    }
  }
  prices_problem_ = problem;
}

void PlatformWatch::collect(Exposition& out) const {
  out.family("insula_gateway_route_stale",
             "1 for each HTTPRoute and Gateway of which something is served as it was accepted "
             "earlier, since it is not accepted as it is. The conditions in its status say why.",
             "gauge");
  for (const Labels& labels : stale_)
    out.sample("insula_gateway_route_stale", labels, 1);
}

api::RoutingObjects PlatformWatch::routing_objects() const {
  api::RoutingObjects routing;
  api::IngressObjects& objects = routing.ingresses;
  for (const auto& [key, ingress] : ingresses_.all())
    objects.ingresses.push_back(ingress);
  for (const auto& [key, one] : ingress_classes_.all())
    objects.classes.push_back(one);
  for (const auto& [key, name_space] : namespaces_.all())
    objects.namespaces.push_back(name_space);
  for (const auto& [key, record] : ingress_hosts_.all())
    objects.held = api::holders_in(*record);
  for (const auto& [key, one] : gateway_classes_.all())
    routing.classes.push_back(one);
  for (const auto& [key, gateway] : gateways_.all())
    routing.gateways.push_back(gateway);
  for (const auto& [key, route] : http_routes_.all())
    routing.routes.push_back(route);
  for (const auto& [key, grant] : grants_.all())
    routing.grants.push_back(grant);
  for (const auto& [key, record] : accepted_.all())
    routing.accepted.push_back(record);
  routing.entrance = entrance_;
  return routing;
}

GatewayConfig PlatformWatch::config() {
  read_prices();
  PlatformObjects objects;
  objects.routing = routing_objects();
  for (const auto& [key, tenant] : tenants_.all())
    objects.tenants.push_back(tenant);
  for (const auto& [key, service] : services_.all())
    objects.services.push_back(service);
  for (const auto& [key, slice] : slices_.all())
    objects.slices.push_back(slice);
  for (const auto& [key, name_space] : namespaces_.all())
    objects.namespaces.push_back(name_space);
  for (const auto& [key, account] : accounts_.all())
    objects.accounts.push_back(account);
  objects.cluster_keys = cluster_keys_;
  for (const auto* informer : {&api_keys_, &provider_keys_, &token_issuer_}) {
    for (const auto& [key, secret] : informer->all())
      objects.secrets.push_back(secret);
  }
  for (const auto& [ref, informer] : referenced_) {
    for (const auto& [key, secret] : informer->all())
      objects.secrets.push_back(secret);
  }
  const api::Routing routing = api::decide_routing(objects.routing);
  GatewayConfig config = make_config(objects, routing);
  config.prices = prices_;
  routes_refused_.set(static_cast<double>(refused_routes(routing)));
  stale_ = stale_routes(routing);
  certificates_.settle(config.certificates);
  return config;
}

Task<GatewayConfig> PlatformWatch::next() {
  co_await wait_for_sync();
  for (;;) {
    co_await changed_.wait();
    changed_.reset();
    co_await follow_references();
    GatewayConfig current = config();
    if (last_ == current) continue;
    last_ = current;
    co_return current;
  }
}

}  // namespace insula::gateway
