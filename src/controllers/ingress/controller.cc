#include "controllers/ingress/controller.h"

#include <set>
#include <utility>

#include "api/platform_objects.h"
#include "api/tenant.h"
#include "client/typed.h"

namespace insula::controllers {

namespace {

/// There is one thing to do, whatever changed.
const controller::Key kAll{"", "all"};

const controller::Key kRecord{api::kSystemNamespace, api::kIngressHosts};

std::string_view owner_of(const api::Namespace* name_space) {
  return name_space == nullptr ? std::string_view() : api::owning_tenant(name_space->metadata);
}

}  // namespace

IngressController::IngressController(client::Client& client,
                                     const controller::Runtime& runtime,
                                     Mirrors mirrors,
                                     controller::EventRecorder& events,
                                     std::string gateway_url)
    : client_(client),
      mirrors_(mirrors),
      events_(events),
      balancer_(balancer_at(gateway_url)),
      entrance_(entrance_at(gateway_url)),
      controller_({.name = "ingress"}, runtime, *this) {
  follow(mirrors_.ingresses);
  follow(mirrors_.classes);
  follow(mirrors_.certificates);
  // Of the others only some changes matter, and there are many of them.
  mirrors_.services.on_change([this](const api::Service* before, const api::Service* after) {
    if (before != nullptr && after != nullptr && before->spec == after->spec) return;
    if (!mirrors_.ingresses.all().empty()) controller_.enqueue(kAll);
  });
  mirrors_.gateway.on_change([this] { controller_.enqueue(kAll); });
  mirrors_.namespaces.on_change([this](const api::Namespace* before, const api::Namespace* after) {
    if (before == nullptr || after == nullptr || owner_of(before) != owner_of(after) ||
        before->metadata.labels != after->metadata.labels)
      controller_.enqueue(kAll);
  });
  mirrors_.config_maps.on_change([this](const api::ConfigMap* before, const api::ConfigMap* after) {
    if (controller::key_of(after != nullptr ? *after : *before) == kRecord)
      controller_.enqueue(kAll);
  });
}

template <class T>
void IngressController::follow(controller::Informer<T>& mirror) {
  mirror.on_change([this](const T*, const T*) { controller_.enqueue(kAll); });
}

void IngressController::start() {
  controller_.start({&mirrors_.ingresses, &mirrors_.classes, &mirrors_.namespaces,
                     &mirrors_.services, &mirrors_.certificates, &mirrors_.config_maps,
                     &mirrors_.gateway.classes, &mirrors_.gateway.gateways,
                     &mirrors_.gateway.routes, &mirrors_.gateway.grants,
                     &mirrors_.gateway.accepted});
}

api::RoutingObjects IngressController::objects() const {
  return objects_of({.ingresses = mirrors_.ingresses,
                     .ingress_classes = mirrors_.classes,
                     .namespaces = mirrors_.namespaces,
                     .config_maps = mirrors_.config_maps,
                     .gateway = mirrors_.gateway},
                    entrance_);
}

Task<Result<controller::Outcome>> IngressController::reconcile(controller::Key /*key*/) {
  api::RoutingObjects world = objects();
  api::IngressObjects& known = world.ingresses;
  api::HostHolders reserved;
  if (!balancer_.ingress.empty() && !balancer_.ingress.front().hostname.empty())
    reserved.emplace(balancer_.ingress.front().hostname, api::kNobodysHost);
  // What was reserved under an earlier name of the gateway is free again.
  std::erase_if(known.held, [](const auto& entry) { return entry.second == api::kNobodysHost; });
  for (const auto& [host, nobody] : reserved)
    known.held.insert_or_assign(host, nobody);
  const api::Routing routing = api::decide_routing(world);
  api::HostHolders holders = routing.holders();
  holders.merge(reserved);
  std::set<std::string> served;
  for (const api::AdmittedIngress& one : routing.ingresses) {
    served.insert(one.ingress->metadata.uid);
    INSULA_CO_TRY_VOID(co_await write_status(
        one.ingress, one.hosts.empty() ? api::IngressLoadBalancerStatus{} : balancer_));
    tell(one);
  }
  std::erase_if(told_, [&](const auto& entry) { return !served.contains(entry.first); });
  // Those that were ours and are not any more do not say that they are reached here.
  for (const IngressPtr& ingress : known.ingresses) {
    if (!served.contains(ingress->metadata.uid) && ingress->status.load_balancer == balancer_)
      INSULA_CO_TRY_VOID(co_await write_status(ingress, {}));
  }
  INSULA_CO_TRY_VOID(co_await remember(std::move(holders)));
  co_return controller::kDone;
}

Task<Result<>> IngressController::remember(api::HostHolders holders) {
  api::ConfigMap wanted = api::record_of(holders);
  const auto there = mirrors_.config_maps.get(kRecord);
  if (there == nullptr ? holders.empty() : there->data == wanted.data) co_return Result<>{};
  if (there != nullptr) {
    api::ConfigMap next = *there;
    next.data = std::move(wanted.data);
    wanted = std::move(next);
  }
  auto stored = there == nullptr ? co_await client::create(client_, std::move(wanted))
                                 : co_await client::update(client_, std::move(wanted));
  if (!stored) co_return std::unexpected(std::move(stored).error());
  mirrors_.config_maps.observe(*stored);
  co_return Result<>{};
}

Task<Result<>> IngressController::write_status(IngressPtr ingress,
                                               api::IngressLoadBalancerStatus balancer) {
  if (ingress->status.load_balancer == balancer) co_return Result<>{};
  api::Ingress next = *ingress;
  next.status.load_balancer = std::move(balancer);
  INSULA_CO_TRY(const api::Ingress stored,
                co_await client::update_status(client_, std::move(next)));
  mirrors_.ingresses.observe(stored);
  co_return Result<>{};
}

void IngressController::tell(const api::AdmittedIngress& admitted) {
  std::vector<IngressProblem> problems =
      problems_of(admitted, {mirrors_.services, mirrors_.certificates, entrance_.tls});
  std::vector<IngressProblem>& told = told_[admitted.ingress->metadata.uid];
  if (told == problems) return;
  for (const IngressProblem& problem : problems) {
    events_.record(*admitted.ingress, controller::EventType::kWarning, problem.reason,
                   problem.message);
  }
  told = std::move(problems);
}

}  // namespace insula::controllers
