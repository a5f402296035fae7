#include "cli/tenants.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "async/deadline.h"
#include "client/typed.h"

namespace insula::cli {
namespace {

constexpr std::string_view kReady = "Ready";
constexpr long kReplicasMax = 1000;

Result<std::optional<api::Quantity>> quantity(std::string_view flag, const std::string& text) {
  if (text.empty()) return std::optional<api::Quantity>();
  auto parsed = api::Quantity::parse(text);
  if (!parsed) return std::unexpected(std::move(parsed).error().in(flag));
  return std::optional<api::Quantity>(*std::move(parsed));
}

std::string reason_of(const api::Tenant& tenant) {
  for (const api::Condition& condition : tenant.status.conditions) {
    if (condition.type == kReady && condition.status != "True" && !condition.message.empty()) {
      return condition.message;
    }
  }
  return "phase " + (tenant.status.phase.empty() ? std::string("Pending") : tenant.status.phase);
}

bool is_ready(const api::Tenant& tenant) {
  return tenant.status.phase == kReady &&
         tenant.status.observed_generation >= tenant.metadata.generation;
}

client::WatchOptions only(const std::string& name) {
  client::WatchOptions options;
  options.field_selector = "metadata.name=" + name;
  return options;
}

/// Follows one tenant, from its present state on, until `wanted` says so. `last` keeps what was
/// seen.
Task<Result<>> follow(client::Client& client,
                      std::string name,
                      bool (*wanted)(const std::optional<api::Tenant>&),
                      std::optional<api::Tenant>& last) {
  while (true) {
    auto stream = co_await client.watch(client::target_of<api::Tenant>(""), only(name));
    if (!stream) co_return std::unexpected(std::move(stream).error());
    auto now = co_await client::get<api::Tenant>(client, "", name);
    if (!now && now.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(std::move(now).error());
    last = now ? std::optional(*std::move(now)) : std::nullopt;
    while (!wanted(last)) {
      auto event = co_await (*stream)->next();
      if (!event) break;  // the stream has ended: look again
      if (event->type == client::WatchEventType::kBookmark) continue;
      INSULA_CO_TRY(api::Tenant seen,
                    api::decode_json<api::Tenant>(std::string_view(event->object)));
      last = event->type == client::WatchEventType::kDeleted ? std::nullopt
                                                             : std::optional(std::move(seen));
    }
    if (wanted(last)) co_return Result<>{};
  }
}

Task<Result<api::Tenant>> wait_until_ready(client::Client& client,
                                           std::string name,
                                           Deadline deadline) {
  std::optional<api::Tenant> last;
  const auto settled = [](const std::optional<api::Tenant>& tenant) {
    return !tenant || is_ready(*tenant);
  };
  auto followed = co_await with_deadline(deadline, follow(client, name, settled, last));
  if (followed && last) co_return *std::move(last);
  if (followed)
    co_return fail(ErrorCode::kNotFound, fmt::format("tenant \"{}\" was deleted meanwhile", name));
  if (followed.error().code() == ErrorCode::kTimeout) {
    co_return fail(ErrorCode::kTimeout, fmt::format("tenant \"{}\" is made but not ready: {}", name,
                                                    reason_of(last.value_or(api::Tenant{}))));
  }
  co_return std::unexpected(std::move(followed).error());
}

/// Those that the request gives.
Result<> set_limits(api::TenantGateway& gateway, const TenantRequest& request) {
  api::TenantRateLimit& limit = gateway.rate_limit;
  if (request.requests_per_hour) limit.requests_per_hour = request.requests_per_hour;
  if (request.tokens_per_minute) limit.tokens_per_minute = request.tokens_per_minute;
  if (request.concurrent_requests) limit.concurrent_requests = request.concurrent_requests;
  return request.budget.apply_to(gateway.budget);
}

}  // namespace

Result<api::Tenant> tenant_of(const TenantRequest& request) {
  api::Tenant tenant;
  tenant.metadata.name = request.name;
  tenant.spec.quota.gpus = request.gpus;
  INSULA_TRY(tenant.spec.quota.memory, quantity("--memory", request.memory));
  INSULA_TRY(tenant.spec.quota.cpu, quantity("--cpu", request.cpu));
  INSULA_TRY_VOID(set_limits(tenant.spec.gateway, request));
  if (request.serve.empty()) {
    if (!request.model.empty() || request.replicas) {
      return fail(ErrorCode::kInvalid, "--model and --replicas need --serve IMAGE");
    }
    return tenant;
  }
  api::TenantServe serve;
  serve.image = request.serve;
  serve.model = request.model;
  if (request.replicas) {
    if (*request.replicas < 0 || *request.replicas > kReplicasMax) {
      return fail(ErrorCode::kInvalid, fmt::format("--replicas: {} is not between 0 and {}",
                                                   *request.replicas, kReplicasMax));
    }
    serve.replicas = static_cast<std::int32_t>(*request.replicas);
  }
  tenant.spec.serve = std::move(serve);
  return tenant;
}

Task<Result<api::Tenant>> set_tenant(client::Client& client, TenantRequest request) {
  INSULA_CO_TRY(api::Tenant tenant, co_await client::get<api::Tenant>(client, "", request.name));
  INSULA_CO_TRY_VOID(set_limits(tenant.spec.gateway, request));
  co_return co_await client::update(client, std::move(tenant));
}

Task<Result<api::Tenant>> create_tenant(client::Client& client,
                                        api::Tenant tenant,
                                        Deadline deadline) {
  INSULA_CO_TRY(const api::Tenant created, co_await client::create(client, std::move(tenant)));
  co_return co_await wait_until_ready(client, created.metadata.name, deadline);
}

Task<Result<api::Tenant>> ensure_tenant(client::Client& client,
                                        api::Tenant tenant,
                                        Deadline deadline) {
  std::string name = tenant.metadata.name;
  const auto created = co_await client::create(client, std::move(tenant));
  if (!created && created.error().code() != ErrorCode::kAlreadyExists)
    co_return std::unexpected(created.error());
  co_return co_await wait_until_ready(client, std::move(name), deadline);
}

Task<Result<>> delete_tenant(client::Client& client, std::string name, Deadline deadline) {
  INSULA_CO_TRY_VOID(co_await client::remove<api::Tenant>(client, "", name));
  std::optional<api::Tenant> last;
  const auto gone = [](const std::optional<api::Tenant>& tenant) { return !tenant; };
  auto followed = co_await with_deadline(deadline, follow(client, name, gone, last));
  if (!followed && followed.error().code() == ErrorCode::kTimeout) {
    co_return fail(ErrorCode::kTimeout,
                   fmt::format("tenant \"{}\" is being deleted and not gone yet", name));
  }
  co_return followed;
}

}  // namespace insula::cli
