#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/event.h"
#include "client/client.h"
#include "controller/informer.h"
#include "gateway/config.h"
#include "gateway/good_certificates.h"
#include "gateway/platform_config.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// Follows the objects that routes are made of.
///
/// Of Secrets only those are read that must be: API keys, the platform's keys of providers, the
/// public key of the token issuer, and by name those that a Tenant, an Ingress or a Gateway refers
/// to. The gateway's identity has no right to others.
///
/// Lifetime: the client outlives it. Threads: one loop.
class PlatformWatch {
 public:
  /// `last`: what was last known. Its prices hold until others are read, and while the ConfigMap of
  /// prices cannot be understood, which is told in the log and by a metric; so do its certificates.
  /// `cluster_keys`: as in PlatformObjects. `entrance`: where this gateway listens.
  PlatformWatch(client::Client& client,
                MetricsRegistry& registry,
                const GatewayConfig& last,
                std::optional<KeySource> cluster_keys,
                api::GatewayEntrance entrance,
                Log log);

  void start();

  /// Waits until everything has been read once and then for the next change, and returns the
  /// configuration after it. Never the same one twice in a row.
  Task<GatewayConfig> next();

 private:
  void listen_to_changes();
  [[nodiscard]] GatewayConfig config();
  void read_prices();
  void collect(Exposition& out) const;
  Task<> follow_references();
  Task<> wait_for_sync();
  [[nodiscard]] api::RoutingObjects routing_objects() const;
  [[nodiscard]] std::vector<controller::Mirror*> mirrors();

  client::Client& client_;
  Log log_;
  Gauge& prices_refused_;
  Gauge& routes_refused_;
  PriceList prices_;
  GoodCertificates certificates_;
  std::string prices_problem_;  // as last told
  Event changed_;
  std::optional<GatewayConfig> last_;
  std::optional<KeySource> cluster_keys_;
  api::GatewayEntrance entrance_;
  controller::Informer<api::Tenant> tenants_;
  controller::Informer<api::Service> services_;
  controller::Informer<api::EndpointSlice> slices_;
  controller::Informer<api::Secret> api_keys_;
  controller::Informer<api::Secret> provider_keys_;
  controller::Informer<api::Secret> token_issuer_;
  controller::Informer<api::ConfigMap> model_prices_;
  controller::Informer<api::Ingress> ingresses_;
  controller::Informer<api::IngressClass> ingress_classes_;
  controller::Informer<api::Namespace> namespaces_;
  controller::Informer<api::ConfigMap> ingress_hosts_;
  controller::Informer<api::ServiceAccount> accounts_;
  controller::Informer<api::GatewayClass> gateway_classes_;
  controller::Informer<api::Gateway> gateways_;
  controller::Informer<api::HTTPRoute> http_routes_;
  controller::Informer<api::ReferenceGrant> grants_;
  controller::Informer<api::ControllerRevision> accepted_;
  std::map<SecretRef, std::unique_ptr<controller::Informer<api::Secret>>> referenced_;
  std::vector<Labels> stale_;
  MetricsRegistry::Registration collector_;
};

}  // namespace insula::gateway
