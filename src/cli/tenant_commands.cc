#include <array>

#include <fmt/format.h>

#include "api/codec.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/members.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/tenants.h"
#include "client/typed.h"

namespace insula::cli {
namespace {

std::string text_of(const std::optional<api::Quantity>& quantity) {
  return quantity ? quantity->text() : "-";
}

void print_tenants(const std::vector<api::Tenant>& tenants) {
  Table table(
      {"NAME", "PHASE", "GPUS", "MEMORY", "CPU", "REQUESTS/H", "TOKENS/MIN", "CONCURRENT", "URL"});
  for (const api::Tenant& tenant : tenants) {
    const auto& quota = tenant.spec.quota;
    table.row({tenant.metadata.name, tenant.status.phase.empty() ? "Pending" : tenant.status.phase,
               number_cell(quota.gpus), text_of(quota.memory), text_of(quota.cpu),
               number_cell(tenant.spec.gateway.rate_limit.requests_per_hour),
               number_cell(tenant.spec.gateway.rate_limit.tokens_per_minute),
               number_cell(tenant.spec.gateway.rate_limit.concurrent_requests),
               tenant.status.url.empty() ? "-" : tenant.status.url});
  }
  fmt::print("{}", table.text());
}

Result<> check_timeout(int seconds) {
  if (seconds >= 0) return {};
  return fail(ErrorCode::kInvalid, fmt::format("--timeout: {} is below 0", seconds));
}

/// The flags of what a tenant may use at the gateway.
void declare_limits(Options& options, TenantRequest& request) {
  options
      .maybe_number("--requests-per-hour", request.requests_per_hour,
                    "requests admitted in any hour; 1000 by default")
      .maybe_number("--tokens-per-minute", request.tokens_per_minute,
                    "tokens of prompts and replies in any minute; not limited by default")
      .maybe_number("--concurrent-requests", request.concurrent_requests,
                    "requests answered at one time; not limited by default");
  request.budget.declare(options);
}

bool has_limits(const TenantRequest& request) {
  return request.requests_per_hour || request.tokens_per_minute || request.concurrent_requests ||
         request.budget.given();
}

int create(std::span<const std::string> arguments) {
  TenantRequest request;
  SessionOptions session;
  int timeout_seconds = static_cast<int>(kAnswerWithin.count());
  Options options("tenant create",
                  "Creates a tenant: namespace, quota, gateway path and, with --serve, a model.");
  options.word("TENANT", request.name, "its name, and the first part of its URL")
      .maybe_number("--gpus", request.gpus, "GPUs its pods may hold together")
      .text_if_any("--memory", request.memory, "memory its pods may hold together, such as 8Gi")
      .text_if_any("--cpu", request.cpu, "CPU its pods may hold together, such as 4");
  declare_limits(options, request);
  options
      .text("--serve", request.serve,
            "image of a model server to run for it, such as insula/llm-sim")
      .maybe_number("--replicas", request.replicas, "pods of that server")
      .text("--model", request.model, "model that it serves")
      .number("--timeout", timeout_seconds, "seconds to wait until it is ready");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  if (const auto checked = check_timeout(timeout_seconds); !checked)
    return report("tenant create", checked.error());
  const auto wanted = tenant_of(request);
  if (!wanted) return report("tenant create", wanted.error());
  return run_session("tenant create", session, [&](client::Client& client) -> Task<Result<>> {
    const Deadline deadline = system_clock().now() + std::chrono::seconds(timeout_seconds);
    INSULA_CO_TRY(const api::Tenant tenant, co_await create_tenant(client, *wanted, deadline));
    if (session.output == "table") {
      print_tenants({tenant});
    } else {
      print(api::to_json(tenant), session.output);
    }
    co_return Result<>{};
  });
}

int set(std::span<const std::string> arguments) {
  TenantRequest request;
  SessionOptions session;
  Options options("tenant set",
                  "Changes a tenant's limits and budgets; what is not given stays as it is.");
  options.word("TENANT", request.name, "its name");
  declare_limits(options, request);
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  if (!has_limits(request)) {
    return report("tenant set",
                  Error(ErrorCode::kInvalid, "say what to change; see insula tenant set --help"));
  }
  return run_session("tenant set", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(const api::Tenant tenant, co_await set_tenant(client, request));
    if (session.output == "table") {
      print_tenants({tenant});
    } else {
      print(api::to_json(tenant), session.output);
    }
    co_return Result<>{};
  });
}

int get(std::span<const std::string> arguments) {
  std::string name;
  SessionOptions session;
  Options options("tenant get", "Shows one tenant.");
  options.word("TENANT", name, "its name");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  return run_session("tenant get", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(const api::Tenant tenant, co_await client::get<api::Tenant>(client, "", name));
    if (session.output == "table") {
      print_tenants({tenant});
    } else {
      print(api::to_json(tenant), session.output);
    }
    co_return Result<>{};
  });
}

int list(std::span<const std::string> arguments) {
  SessionOptions session;
  Options options("tenant list", "Lists the tenants.");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  return run_session("tenant list", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(const auto tenants, co_await client::list<api::Tenant>(client));
    if (session.output == "table") {
      print_tenants(tenants.items);
      co_return Result<>{};
    }
    json::Array items;
    for (const api::Tenant& tenant : tenants.items)
      items.push_back(api::to_json(tenant));
    print(items, session.output);
    co_return Result<>{};
  });
}

int remove(std::span<const std::string> arguments) {
  std::string name;
  SessionOptions session;
  int timeout_seconds = 2 * static_cast<int>(kAnswerWithin.count());
  Options options("tenant delete",
                  "Deletes a tenant with its namespaces, keys and everything in them.");
  options.word("TENANT", name, "its name")
      .number("--timeout", timeout_seconds, "seconds to wait until it is gone");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  if (const auto checked = check_timeout(timeout_seconds); !checked)
    return report("tenant delete", checked.error());
  return run_session("tenant delete", session, [&](client::Client& client) -> Task<Result<>> {
    const Deadline deadline = system_clock().now() + std::chrono::seconds(timeout_seconds);
    INSULA_CO_TRY_VOID(co_await delete_tenant(client, name, deadline));
    fmt::print("tenant \"{}\" deleted\n", name);
    co_return Result<>{};
  });
}

int kubeconfig(std::span<const std::string> arguments) {
  MemberRequest request;
  SessionOptions session;
  int days = 90;
  int timeout_seconds = static_cast<int>(kAnswerWithin.count());
  Options options("tenant kubeconfig",
                  "Prints a kubeconfig that makes somebody a member of a tenant.");
  options.word("TENANT", request.tenant, "the tenant's name")
      .text("--user", request.user, "who it is for; the API knows the member by this name")
      .number("--days", days, "how long the certificate is good, 365 at most")
      .number("--timeout", timeout_seconds, "seconds to wait for the certificate");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  if (const auto checked = check_timeout(timeout_seconds); !checked)
    return report("tenant kubeconfig", checked.error());
  if (request.user.empty() || days < 1 || days > 365) {
    return report("tenant kubeconfig",
                  Error(ErrorCode::kInvalid, "--user is needed, and --days is from 1 to 365"));
  }
  request.lifetime = std::chrono::days(days);
  const auto config = session_config(session);
  if (!config) return report("tenant kubeconfig", config.error());
  return run_session("tenant kubeconfig", session, [&](client::Client& client) -> Task<Result<>> {
    const Deadline deadline = system_clock().now() + std::chrono::seconds(timeout_seconds);
    INSULA_CO_TRY(const client::Kubeconfig member,
                  co_await member_kubeconfig(client, *config, request, deadline));
    fmt::print("{}", client::write_kubeconfig(member));
    co_return Result<>{};
  });
}

constexpr std::array kCommands = {
    Command{"create", "create a tenant and wait until it is ready", create},
    Command{"set", "change limits and budgets of one", set},
    Command{"get", "show one", get},
    Command{"list", "list all", list},
    Command{"kubeconfig", "make somebody a member: print a kubeconfig", kubeconfig},
    Command{"delete", "delete one with all it owns", remove},
};

}  // namespace

int tenant(std::span<const std::string> arguments) {
  return dispatch("tenant", kCommands, arguments);
}

}  // namespace insula::cli
