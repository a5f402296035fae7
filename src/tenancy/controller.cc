#include "tenancy/controller.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "api/shared_quota.h"
#include "api/tenant.h"
#include "client/typed.h"
#include "controller/owner.h"
#include "controller/selector.h"

namespace insula::tenancy {

namespace {

// How soon to look again for what another controller is about to make.
constexpr std::chrono::milliseconds kSoon{20};
// A namespace that is ending, or that somebody else has: its next change is noticed anyway.
constexpr std::chrono::seconds kLater{30};

bool is_owner(const api::Tenant& tenant, const api::ObjectMeta& metadata) {
  return controller::controller_uid(metadata) == tenant.metadata.uid;
}

bool same_applied(const api::ObjectMeta& wanted, const api::ObjectMeta& there) {
  const auto a = wanted.annotations.find(kAppliedAnnotation);
  const auto b = there.annotations.find(kAppliedAnnotation);
  return b != there.annotations.end() && a->second == b->second;
}

// Makes `there` the desired object but for what the server keeps in it.
template <class T>
T merged(const T& there, T desired) {
  T next = there;
  next.spec = std::move(desired.spec);
  next.metadata.owner_references = std::move(desired.metadata.owner_references);
  for (auto& [name, value] : desired.metadata.labels)
    next.metadata.labels[name] = value;
  next.metadata.annotations.erase(api::kSharedQuotaAnnotation);
  for (auto& [name, value] : desired.metadata.annotations)
    next.metadata.annotations[name] = value;
  return next;
}

// A new spec that asks for as many replicas as before leaves a user's `kubectl scale` alone.
void keep_users_scale(api::Deployment& wanted, const api::Deployment& there) {
  const auto before = there.metadata.annotations.find(kReplicasAnnotation);
  if (before == there.metadata.annotations.end()) return;
  if (before->second == wanted.metadata.annotations.at(kReplicasAnnotation))
    wanted.spec.replicas = there.spec.replicas;
}

Obstacle name_taken(std::string_view kind, const api::ObjectMeta& metadata) {
  return {"NameTaken",
          fmt::format("{} {}/{} exists and does not belong to the tenant; delete it or name "
                      "another gateway service",
                      kind, metadata.namespace_, metadata.name),
          true};
}

// Creates the object, or updates the one that is there when `same(wanted, there)` is false.
template <class T, class Same>
Task<Result<>> put(client::Client& client, controller::Informer<T>& mirror, T wanted, Same same) {
  const auto there = mirror.get(controller::key_of(wanted));
  if (!there) {
    INSULA_CO_TRY(const T stored, co_await client::create(client, std::move(wanted)));
    mirror.observe(stored);
  } else if (!same(wanted, *there)) {
    T next = merged(*there, std::move(wanted));
    INSULA_CO_TRY(const T stored, co_await client::update(client, std::move(next)));
    mirror.observe(stored);
  }
  co_return Result<>{};
}

template <class T>
Task<Result<>> drop(client::Client& client,
                    controller::Informer<T>& mirror,
                    const api::Tenant& tenant,
                    controller::Key key) {
  const auto there = mirror.get(key);
  if (!there || !is_owner(tenant, there->metadata)) co_return Result<>{};
  const Result<> removed = co_await client::remove<T>(client, key.name_space, key.name);
  if (!removed && removed.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(removed.error());
  mirror.observe_gone(*there);
  co_return Result<>{};
}

}  // namespace

TenantController::TenantController(client::Client& client,
                                   const controller::Runtime& runtime,
                                   Mirrors mirrors,
                                   controller::EventRecorder& events,
                                   std::string gateway_url)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      events_(events),
      gateway_url_(std::move(gateway_url)),
      controller_({.name = "tenant"}, runtime, *this),
      provider_secrets_(client,
                        [this](const std::string& tenant) { controller_.enqueue({{}, tenant}); }) {
  while (gateway_url_.ends_with('/'))
    gateway_url_.pop_back();
  mirrors_.tenants.on_change([this](const api::Tenant* before, const api::Tenant* after) {
    controller_.enqueue({{}, (after != nullptr ? after : before)->metadata.name});
  });
  mirrors_.namespaces.on_change([this](const api::Namespace* before, const api::Namespace* after) {
    const api::Namespace& name_space = after != nullptr ? *after : *before;
    const std::string_view owner = api::owning_tenant(name_space.metadata);
    if (!owner.empty()) controller_.enqueue({{}, std::string(owner)});
    enqueue_all_naming(name_space.metadata.name);
  });
  follow(mirrors_.accounts);
  follow(mirrors_.quotas);
  follow(mirrors_.limit_ranges);
  follow(mirrors_.policies);
  follow(mirrors_.services);
  follow(mirrors_.deployments);
  // What holds a pod back is the reason that a tenant gives.
  follow(mirrors_.pods);
  follow(mirrors_.rights.role_bindings);
  follow_owned(mirrors_.rights.cluster_roles);
  follow_owned(mirrors_.rights.cluster_role_bindings);
}

template <class T>
void TenantController::follow(controller::Informer<T>& mirror) {
  mirror.on_change([this](const T* before, const T* after) {
    enqueue_owner_of((after != nullptr ? after : before)->metadata.namespace_);
  });
}

template <class T>
void TenantController::follow_owned(controller::Informer<T>& mirror) {
  mirror.on_change([this](const T* before, const T* after) {
    const std::string_view owner =
        api::owning_tenant((before != nullptr ? before : after)->metadata);
    if (!owner.empty()) controller_.enqueue({{}, std::string(owner)});
  });
}

void TenantController::start() {
  controller_.start({&mirrors_.tenants, &mirrors_.namespaces, &mirrors_.accounts, &mirrors_.quotas,
                     &mirrors_.limit_ranges, &mirrors_.policies, &mirrors_.services,
                     &mirrors_.deployments, &mirrors_.pods, &mirrors_.rights.role_bindings,
                     &mirrors_.rights.cluster_roles, &mirrors_.rights.cluster_role_bindings});
}

void TenantController::enqueue_owner_of(const std::string& name_space) {
  const auto found = mirrors_.namespaces.get({{}, name_space});
  if (!found) return;
  const std::string_view owner = api::owning_tenant(found->metadata);
  if (!owner.empty()) controller_.enqueue({{}, std::string(owner)});
}

void TenantController::enqueue_all_naming(const std::string& name_space) {
  for (const auto& [key, tenant] : mirrors_.tenants.all()) {
    const std::vector<std::string> names = api::namespaces_of(*tenant);
    if (std::ranges::find(names, name_space) != names.end()) controller_.enqueue(key);
  }
}

Task<Result<controller::Outcome>> TenantController::reconcile(controller::Key key) {
  TenantPtr tenant = mirrors_.tenants.get(key);
  if (!tenant) {
    provider_secrets_.forget(key.name);
    co_return controller::kDone;
  }
  const auto& finalizers = tenant->metadata.finalizers;
  const bool guarded = std::ranges::find(finalizers, kTenantFinalizer) != finalizers.end();
  if (tenant->metadata.deletion_timestamp) {
    if (!guarded) co_return controller::kDone;
    co_return co_await clean_up(std::move(tenant));
  }
  if (!guarded) {
    api::Tenant next = *tenant;
    next.metadata.finalizers.emplace_back(kTenantFinalizer);
    INSULA_CO_TRY(api::Tenant stored, co_await client::update(client_, std::move(next)));
    mirrors_.tenants.observe(stored);
    tenant = std::make_shared<const api::Tenant>(std::move(stored));
  }
  co_return co_await provide(std::move(tenant));
}

Task<Result<controller::Outcome>> TenantController::provide(TenantPtr tenant) {
  std::optional<Obstacle> obstacle;
  provider_secrets_.follow(*tenant);
  INSULA_CO_TRY_VOID(co_await grant_reading(client_, mirrors_.rights, tenant));
  for (const std::string& name : api::namespaces_of(*tenant)) {
    INSULA_CO_TRY(std::optional<Obstacle> refused, co_await take_namespace(tenant, name));
    if (!refused) {
      INSULA_CO_TRY_VOID(co_await furnish(tenant, name));
    } else if (!obstacle) {
      obstacle = std::move(refused);
    }
  }
  if (!obstacle) {
    INSULA_CO_TRY(obstacle, co_await serve(tenant));
  }
  Observed observed = observe(*tenant);
  const bool soon = obstacle && obstacle->reason == "Deploying";
  const bool later = obstacle && !soon;
  observed.obstacle = std::move(obstacle);
  INSULA_CO_TRY_VOID(co_await write_status(tenant, std::move(observed)));
  if (soon) co_return controller::again_after(kSoon);
  if (later) co_return controller::again_after(kLater);
  co_return controller::kDone;
}

Task<Result<std::optional<Obstacle>>> TenantController::take_namespace(TenantPtr tenant,
                                                                       std::string name) {
  const auto there = mirrors_.namespaces.get({{}, name});
  switch (ownership_of(*tenant, there.get())) {
    case Ownership::kOurs:
      co_return std::optional<Obstacle>();
    case Ownership::kForeign: {
      const api::OwnerReference* owner = controller::controller_of(there->metadata);
      Obstacle taken{"NamespaceTaken",
                     fmt::format("namespace {} belongs to {} {}", name, owner->kind, owner->name),
                     true};
      events_.record(*tenant, controller::EventType::kWarning, taken.reason, taken.message);
      co_return std::optional(std::move(taken));
    }
    case Ownership::kEnding:
      co_return std::optional(
          Obstacle{"NamespaceEnding", fmt::format("namespace {} is being deleted", name), false});
    case Ownership::kMissing: {
      INSULA_CO_TRY(const api::Namespace made,
                    co_await client::create(client_, desired_namespace(*tenant, name)));
      mirrors_.namespaces.observe(made);
      co_return std::optional<Obstacle>();
    }
    case Ownership::kFree: {
      // The resourceVersion that was read is part of the update: if somebody else takes it first,
      // ours fails.
      api::Namespace next = *there;
      next.metadata.owner_references.push_back(controller::controlled_by(*tenant));
      next.metadata.labels[kTenantLabel] = tenant->metadata.name;
      INSULA_CO_TRY(const api::Namespace taken, co_await client::update(client_, std::move(next)));
      mirrors_.namespaces.observe(taken);
      events_.record(*tenant, controller::EventType::kNormal, "NamespaceAdopted",
                     fmt::format("namespace {} now belongs to the tenant", name));
      co_return std::optional<Obstacle>();
    }
  }
  co_return std::optional<Obstacle>();
}

Task<Result<>> TenantController::furnish(TenantPtr tenant, std::string name_space) {
  // Before any pod: or the first would be refused for want of defaults, or slip in uncounted.
  if (auto range = desired_limit_range(*tenant, name_space)) {
    INSULA_CO_TRY_VOID(co_await put(client_, mirrors_.limit_ranges, *std::move(range),
                                    [](const auto& a, const auto& b) { return a.spec == b.spec; }));
  } else {
    INSULA_CO_TRY_VOID(
        co_await drop(client_, mirrors_.limit_ranges, *tenant, {name_space, kLimitRangeName}));
  }
  if (auto quota = desired_quota(*tenant, name_space)) {
    INSULA_CO_TRY_VOID(
        co_await put(client_, mirrors_.quotas, *std::move(quota), [](const auto& a, const auto& b) {
          return a.spec.hard == b.spec.hard &&
                 api::shared_quota_group(a) == api::shared_quota_group(b);
        }));
  } else {
    INSULA_CO_TRY_VOID(co_await drop(client_, mirrors_.quotas, *tenant, {name_space, kQuotaName}));
  }
  for (api::NetworkPolicy& policy : desired_policies(*tenant, name_space)) {
    INSULA_CO_TRY_VOID(co_await put(client_, mirrors_.policies, std::move(policy),
                                    [](const auto& a, const auto& b) { return a.spec == b.spec; }));
  }
  // Last: members find a namespace that holds them.
  co_return co_await grant_members(client_, mirrors_.rights, tenant, std::move(name_space));
}

Task<Result<std::optional<Obstacle>>> TenantController::serve(TenantPtr tenant) {
  const controller::Key key{service_namespace(*tenant), tenant->spec.gateway.service.name};
  auto deployment = desired_deployment(*tenant);
  auto service = desired_service(*tenant);
  if (!deployment || !service) {
    INSULA_CO_TRY_VOID(co_await drop(client_, mirrors_.deployments, *tenant, key));
    INSULA_CO_TRY_VOID(co_await drop(client_, mirrors_.services, *tenant, key));
    co_return std::optional<Obstacle>();
  }
  const auto service_there = mirrors_.services.get(key);
  if (service_there && !is_owner(*tenant, service_there->metadata)) {
    co_return std::optional(name_taken("service", service_there->metadata));
  }
  const auto deployment_there = mirrors_.deployments.get(key);
  if (deployment_there && !is_owner(*tenant, deployment_there->metadata)) {
    co_return std::optional(name_taken("deployment", deployment_there->metadata));
  }
  const auto same = [](const auto& a, const auto& b) {
    return same_applied(a.metadata, b.metadata);
  };
  INSULA_CO_TRY_VOID(co_await put(client_, mirrors_.services, *std::move(service), same));
  // Pods run as it; made by the namespace controller in the meantime.
  if (!mirrors_.accounts.get({key.name_space, "default"})) {
    co_return std::optional(
        Obstacle{"Deploying", "the namespace has no service account yet", false});
  }
  if (deployment_there) keep_users_scale(*deployment, *deployment_there);
  INSULA_CO_TRY_VOID(co_await put(client_, mirrors_.deployments, *std::move(deployment), same));
  co_return std::optional<Obstacle>();
}

Observed TenantController::observe(const api::Tenant& tenant) const {
  Observed observed;
  for (const std::string& name : api::namespaces_of(tenant)) {
    const auto found = mirrors_.namespaces.get({{}, name});
    if (ownership_of(tenant, found.get()) != Ownership::kOurs) continue;
    observed.namespaces.push_back(name);
    if (auto quota = mirrors_.quotas.get({name, kQuotaName}))
      observed.quotas.push_back(std::move(quota));
  }
  observed.provider_problems = provider_secrets_.problems_of(tenant);
  const controller::Key key{service_namespace(tenant), tenant.spec.gateway.service.name};
  observed.deployment = mirrors_.deployments.get(key);
  if (!observed.deployment || !observed.deployment->spec.selector) return observed;
  observed.pods = mirrors_.pods.list(key.name_space);
  std::erase_if(observed.pods, [&observed](const auto& pod) {
    return !controller::matches(*observed.deployment->spec.selector, pod->metadata.labels);
  });
  return observed;
}

Task<Result<>> TenantController::write_status(TenantPtr tenant, Observed observed) {
  api::TenantStatus status = tenant_status(*tenant, observed, gateway_url_, clock_.wall());
  if (status == tenant->status) co_return Result<>{};
  api::Tenant next = *tenant;
  next.status = std::move(status);
  INSULA_CO_TRY(const api::Tenant written,
                co_await client::update_status(client_, std::move(next)));
  mirrors_.tenants.observe(written);
  co_return Result<>{};
}

Task<Result<controller::Outcome>> TenantController::clean_up(TenantPtr tenant) {
  std::vector<std::string> left;
  std::vector<std::shared_ptr<const api::Namespace>> owned;
  for (const auto& [key, name_space] : mirrors_.namespaces.all()) {
    if (is_owner(*tenant, name_space->metadata)) owned.push_back(name_space);
  }
  for (const auto& name_space : owned) {
    left.push_back(name_space->metadata.name);
    if (name_space->metadata.deletion_timestamp) continue;
    client::DeleteOptions options;
    options.precondition_uid = name_space->metadata.uid;
    const Result<> removed = co_await client::remove<api::Namespace>(
        client_, {}, name_space->metadata.name, std::move(options));
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(removed.error());
  }
  if (!left.empty()) {
    Observed observed = observe(*tenant);
    observed.obstacle =
        Obstacle{"Terminating",
                 fmt::format("namespaces {} are being emptied", fmt::join(left, ", ")), false};
    INSULA_CO_TRY_VOID(co_await write_status(tenant, std::move(observed)));
    co_return controller::kDone;
  }
  api::Tenant next = *tenant;
  std::erase(next.metadata.finalizers, kTenantFinalizer);
  const Result<api::Tenant> released = co_await client::update(client_, std::move(next));
  if (!released && released.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(released.error());
  co_return controller::kDone;
}

}  // namespace insula::tenancy
