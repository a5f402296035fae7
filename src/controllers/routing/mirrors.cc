#include "controllers/routing/mirrors.h"

#include <utility>

#include "api/platform_objects.h"
#include "http/url.h"

namespace insula::controllers {

namespace {

template <class T, class List>
void put_all(const controller::Informer<T>& mirror, List& list) {
  for (const auto& [key, object] : mirror.all())
    list.push_back(object);
}

template <class T>
bool has_changed(const T* before, const T* after) {
  return before == nullptr || after == nullptr || before->spec != after->spec ||
         before->metadata.uid != after->metadata.uid ||
         before->metadata.annotations != after->metadata.annotations ||
         before->metadata.deletion_timestamp != after->metadata.deletion_timestamp;
}

template <class T>
void follow(controller::Informer<T>& mirror, const std::function<void()>& f) {
  mirror.on_change([f](const T* before, const T* after) {
    if (has_changed(before, after)) f();
  });
}

}  // namespace

void GatewayMirrors::on_change(std::function<void()> f) const {
  follow(classes, f);
  follow(gateways, f);
  follow(routes, f);
  follow(grants, f);
  accepted.on_change([f](const auto*, const auto*) { f(); });
}

api::RoutingObjects objects_of(const RoutingMirrors& mirrors,
                               const api::GatewayEntrance& entrance) {
  api::RoutingObjects objects;
  put_all(mirrors.ingresses, objects.ingresses.ingresses);
  put_all(mirrors.ingress_classes, objects.ingresses.classes);
  put_all(mirrors.namespaces, objects.ingresses.namespaces);
  if (const auto record = mirrors.config_maps.get({api::kSystemNamespace, api::kIngressHosts}))
    objects.ingresses.held = api::holders_in(*record);
  put_all(mirrors.gateway.classes, objects.classes);
  put_all(mirrors.gateway.gateways, objects.gateways);
  put_all(mirrors.gateway.routes, objects.routes);
  put_all(mirrors.gateway.grants, objects.grants);
  put_all(mirrors.gateway.accepted, objects.accepted);
  objects.entrance = entrance;
  return objects;
}

api::GatewayEntrance entrance_at(const std::string& gateway_url) {
  const auto url = http::Url::parse(gateway_url);
  if (!url) return {};
  return {.ports = {url->port}, .tls = url->secure()};
}

}  // namespace insula::controllers
