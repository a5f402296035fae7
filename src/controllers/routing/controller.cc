#include "controllers/routing/controller.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "api/platform_objects.h"
#include "client/typed.h"
#include "controllers/ingress/plan.h"
#include "controllers/routing/records.h"

namespace insula::controllers {

namespace {

/// There is one thing to do, whatever changed.
const controller::Key kAll{"", "all"};

/// Of a GatewayClass, by the Gateway API's name.
constexpr std::string_view kInUse = "gateway-exists-finalizer.gateway.networking.k8s.io";

const controller::Key kRecord{api::kSystemNamespace, api::kIngressHosts};

}  // namespace

RoutingController::RoutingController(client::Client& client,
                                     const controller::Runtime& runtime,
                                     Mirrors mirrors,
                                     const std::string& gateway_url)
    : client_(client),
      mirrors_(mirrors),
      clock_(runtime.clock),
      entrance_(entrance_at(gateway_url)),
      balancer_(balancer_at(gateway_url)),
      controller_({.name = "routing"}, runtime, *this) {
  mirrors_.gateway.on_change([this] { controller_.enqueue(kAll); });
  const auto look = [this](const auto*, const auto*) {
    if (has_gateways()) controller_.enqueue(kAll);
  };
  mirrors_.ingresses.on_change(look);
  mirrors_.ingress_classes.on_change(look);
  mirrors_.certificates.on_change(look);
  mirrors_.namespaces.on_change(look);
  // Of these only some changes matter, and there are many of them.
  mirrors_.services.on_change([this](const api::Service* before, const api::Service* after) {
    if (before != nullptr && after != nullptr && before->spec == after->spec) return;
    if (has_gateways()) controller_.enqueue(kAll);
  });
  mirrors_.config_maps.on_change([this](const api::ConfigMap* before, const api::ConfigMap* after) {
    if (controller::key_of(after != nullptr ? *after : *before) == kRecord)
      controller_.enqueue(kAll);
  });
}

void RoutingController::start() {
  controller_.start({&mirrors_.ingresses, &mirrors_.ingress_classes, &mirrors_.namespaces,
                     &mirrors_.services, &mirrors_.certificates, &mirrors_.config_maps,
                     &mirrors_.gateway.classes, &mirrors_.gateway.gateways,
                     &mirrors_.gateway.routes, &mirrors_.gateway.grants,
                     &mirrors_.gateway.accepted});
}

Task<Result<controller::Outcome>> RoutingController::reconcile(controller::Key /*key*/) {
  const api::RoutingObjects objects = objects_of({.ingresses = mirrors_.ingresses,
                                                  .ingress_classes = mirrors_.ingress_classes,
                                                  .namespaces = mirrors_.namespaces,
                                                  .config_maps = mirrors_.config_maps,
                                                  .gateway = mirrors_.gateway},
                                                 entrance_);
  const api::Routing routing = api::decide_routing(objects);
  INSULA_CO_TRY_VOID(co_await remember(routing, objects));
  const RoutingWorld world{.services = mirrors_.services,
                           .certificates = mirrors_.certificates,
                           .grants = objects.grants,
                           .balancer = balancer_,
                           .now = api::Time::from(clock_.wall())};
  for (const auto& one : objects.classes) {
    if (!api::is_ours(*one)) continue;
    INSULA_CO_TRY(const auto held, co_await hold(one));
    if (held == nullptr) continue;
    INSULA_CO_TRY_VOID(
        co_await write(mirrors_.gateway.classes, held, class_status(*held, world.now)));
  }
  for (const api::ServedGateway& served : routing.gateways) {
    INSULA_CO_TRY_VOID(co_await write(mirrors_.gateway.gateways,
                                      served.wanted ? served.wanted->gateway : served.gateway,
                                      gateway_status(served, world)));
  }
  std::map<const api::HTTPRoute*, const api::AttachedRoute*> attached;
  for (const api::AttachedRoute& one : routing.routes)
    attached.emplace(one.wanted ? one.wanted->route.get() : one.route.get(), &one);
  for (const auto& route : objects.routes) {
    const auto found = attached.find(route.get());
    INSULA_CO_TRY_VOID(co_await write(
        mirrors_.gateway.routes, route,
        route_status(*route, found == attached.end() ? nullptr : found->second, world)));
  }
  co_return controller::kDone;
}

/// Says with a finalizer whether there are Gateways of the class. Returns it as it is then; null:
/// it is gone.
Task<Result<std::shared_ptr<const api::GatewayClass>>> RoutingController::hold(
    std::shared_ptr<const api::GatewayClass> one) {
  const std::string name = one->metadata.name;
  const bool used = std::ranges::any_of(mirrors_.gateway.gateways.all(), [&](const auto& entry) {
    return entry.second->spec.gateway_class_name == name;
  });
  const auto holds = [](const api::GatewayClass& object) {
    const auto& finalizers = object.metadata.finalizers;
    return std::ranges::find(finalizers, kInUse) != finalizers.end();
  };
  // Of one that goes nothing more may be asked.
  if (used == holds(*one) || (used && one->metadata.deletion_timestamp)) co_return one;
  auto changed = co_await client::modify<api::GatewayClass>(
      client_, std::string(), name, [used, &holds](api::GatewayClass& object) {
        if (used == holds(object)) return false;
        if (used) {
          object.metadata.finalizers.emplace_back(kInUse);
        } else {
          std::erase(object.metadata.finalizers, kInUse);
        }
        return true;
      });
  if (!changed && changed.error().code() == ErrorCode::kNotFound) co_return nullptr;
  if (!changed) co_return std::unexpected(std::move(changed).error());
  if (!used && one->metadata.deletion_timestamp) co_return nullptr;
  mirrors_.gateway.classes.observe(*changed);
  co_return std::make_shared<const api::GatewayClass>(*std::move(changed));
}

/// Remembers what is served as it is, and forgets what that replaces and whose object is gone.
Task<Result<>> RoutingController::remember(const api::Routing& routing,
                                           const api::RoutingObjects& objects) {
  const api::AcceptedSpecs known(objects.accepted);
  for (api::ControllerRevision& record : fresh_records(routing, known)) {
    auto stored = co_await client::create(client_, std::move(record));
    // It is there already when the mirror is behind.
    if (stored) {
      mirrors_.gateway.accepted.observe(*stored);
    } else if (stored.error().code() != ErrorCode::kConflict) {
      co_return std::unexpected(std::move(stored).error());
    }
  }
  for (const auto& record : outlived_records(objects)) {
    const auto& metadata = record->metadata;
    auto removed = co_await client::remove<api::ControllerRevision>(client_, metadata.namespace_,
                                                                    metadata.name);
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(std::move(removed).error());
  }
  co_return Result<>{};
}

template <class T>
Task<Result<>> RoutingController::write(controller::Informer<T>& mirror,
                                        std::shared_ptr<const T> object,
                                        decltype(T::status) status) {
  if (object->status == status) co_return Result<>{};
  T next = *object;
  next.status = std::move(status);
  INSULA_CO_TRY(const T stored, co_await client::update_status(client_, std::move(next)));
  mirror.observe(stored);
  co_return Result<>{};
}

}  // namespace insula::controllers
