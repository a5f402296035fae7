#include "tenancy/status.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/owner.h"
#include "tenancy/belongings.h"

namespace insula::tenancy {

namespace {

constexpr std::string_view kProvidersReady = "ProvidersReady";

bool has_providers(const api::Tenant& tenant) {
  return std::ranges::any_of(tenant.spec.gateway.models, [](const api::TenantModel& model) {
    return std::ranges::any_of(model.backends, [](const api::TenantBackend& backend) {
      return backend.provider.has_value();
    });
  });
}

bool is_true(const api::Pod& pod, std::string_view type) {
  return std::ranges::any_of(pod.status.conditions, [type](const api::PodCondition& condition) {
    return condition.type == type && condition.status == "True";
  });
}

// What holds one pod back: it has no node, or a container cannot start.
std::string reason_of(const api::Pod& pod) {
  for (const api::PodCondition& condition : pod.status.conditions) {
    if (condition.type == "PodScheduled" && condition.status == "False") return condition.message;
  }
  for (const api::ContainerStatus& status : pod.status.container_statuses) {
    if (!status.state.waiting) continue;
    const auto& waiting = *status.state.waiting;
    return waiting.message.empty() ? waiting.reason
                                   : fmt::format("{}: {}", waiting.reason, waiting.message);
  }
  return {};
}

std::string reason_of(const Observed& observed) {
  for (const auto& pod : observed.pods) {
    if (is_true(*pod, "Ready") || pod->metadata.deletion_timestamp) continue;
    if (std::string reason = reason_of(*pod); !reason.empty()) {
      return fmt::format("pod {}: {}", pod->metadata.name, reason);
    }
  }
  for (const api::DeploymentCondition& condition : observed.deployment->status.conditions) {
    if (condition.type == "ReplicaFailure") return condition.message;
  }
  return {};
}

void set_condition(api::TenantStatus& status, api::Condition condition) {
  const auto known = std::ranges::find(status.conditions, condition.type, &api::Condition::type);
  if (known == status.conditions.end()) {
    status.conditions.push_back(std::move(condition));
    return;
  }
  if (known->status == condition.status)
    condition.last_transition_time = known->last_transition_time;
  *known = std::move(condition);
}

api::Condition ready_condition(const std::optional<Obstacle>& obstacle) {
  api::Condition condition;
  condition.type = "Ready";
  condition.status = obstacle ? "False" : "True";
  condition.reason = obstacle ? obstacle->reason : "AllPresent";
  condition.message = obstacle ? obstacle->message : "namespaces, quota and backends are in place";
  return condition;
}

/// Of a tenant whose other backends serve all the same: no part of Ready.
api::Condition providers_condition(const std::vector<std::string>& problems) {
  api::Condition condition;
  condition.type = kProvidersReady;
  condition.status = problems.empty() ? "True" : "False";
  condition.reason = problems.empty() ? "SecretsPresent" : "SecretUnusable";
  condition.message = problems.empty() ? "the Secrets of all providers are in place"
                                       : fmt::format("{}", fmt::join(problems, "; "));
  return condition;
}

}  // namespace

Ownership ownership_of(const api::Tenant& tenant, const api::Namespace* name_space) {
  if (name_space == nullptr) return Ownership::kMissing;
  const api::OwnerReference* owner = controller::controller_of(name_space->metadata);
  if (owner != nullptr && owner->uid != tenant.metadata.uid) return Ownership::kForeign;
  if (name_space->metadata.deletion_timestamp) return Ownership::kEnding;
  return owner == nullptr ? Ownership::kFree : Ownership::kOurs;
}

std::optional<Obstacle> serve_obstacle(const api::Tenant& tenant, const Observed& observed) {
  if (!tenant.spec.serve) return std::nullopt;
  if (!observed.deployment)
    return Obstacle{"Deploying", "the model server is being created", false};
  const std::int32_t wanted = observed.deployment->spec.replicas.value_or(1);
  const api::DeploymentStatus& status = observed.deployment->status;
  const bool current = status.observed_generation >= observed.deployment->metadata.generation;
  if (wanted == 0 || (current && status.available_replicas > 0)) return std::nullopt;
  std::string message =
      fmt::format("deployment {}: {} of {} pods available", observed.deployment->metadata.name,
                  status.available_replicas, wanted);
  if (const std::string reason = reason_of(observed); !reason.empty()) message += ": " + reason;
  return Obstacle{"ModelServerNotAvailable", std::move(message), false};
}

api::TenantStatus tenant_status(const api::Tenant& tenant,
                                const Observed& observed,
                                const std::string& gateway_url,
                                WallTime now) {
  api::TenantStatus status;
  status.observed_generation = tenant.metadata.generation;
  status.namespaces = observed.namespaces;
  status.url = fmt::format("{}/{}", gateway_url, tenant.metadata.name);
  status.conditions = tenant.status.conditions;
  for (const auto& quota : observed.quotas) {
    for (const auto& [name, amount] : quota->status.used)
      status.used[name] += amount;
  }
  std::optional<Obstacle> obstacle = observed.obstacle;
  if (!obstacle) obstacle = serve_obstacle(tenant, observed);
  if (tenant.metadata.deletion_timestamp) {
    status.phase = "Terminating";
  } else if (!obstacle) {
    status.phase = "Ready";
  } else {
    status.phase = obstacle->permanent ? "Failed" : "Pending";
  }
  const auto set = [&](api::Condition condition) {
    condition.observed_generation = tenant.metadata.generation;
    condition.last_transition_time = api::Time::from(now);
    set_condition(status, std::move(condition));
  };
  set(ready_condition(obstacle));
  if (!has_providers(tenant)) {
    std::erase_if(status.conditions,
                  [](const api::Condition& known) { return known.type == kProvidersReady; });
  } else if (observed.provider_problems) {
    set(providers_condition(*observed.provider_problems));
  }
  return status;
}

}  // namespace insula::tenancy
