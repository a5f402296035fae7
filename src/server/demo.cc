#include "server/demo.h"

#include <array>
#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "base/random.h"
#include "cli/command.h"
#include "cli/keys.h"
#include "cli/session.h"
#include "cli/tenants.h"
#include "client/client.h"

namespace insula::server {
namespace {

constexpr std::chrono::seconds kDemoWithin{60};
constexpr std::string_view kKeyName = "demo";

struct DemoTenant {
  const char* name;
  long gpus;
  const char* memory;
  long replicas;
};

constexpr std::array kTenants = {
    DemoTenant{.name = "demo-a", .gpus = 2, .memory = "16Gi", .replicas = 2},
    DemoTenant{.name = "demo-b", .gpus = 1, .memory = "8Gi", .replicas = 1},
};

Task<Result<cli::NewKey>> make_tenant(client::Client& client, DemoTenant demo, Deadline deadline) {
  const cli::TenantRequest request{.name = demo.name,
                                   .gpus = demo.gpus,
                                   .memory = demo.memory,
                                   .cpu = {},
                                   .requests_per_hour = {},
                                   .serve = "insula/llm-sim",
                                   .replicas = demo.replicas,
                                   .model = {}};
  INSULA_CO_TRY(api::Tenant tenant, cli::tenant_of(request));
  INSULA_CO_TRY_VOID(co_await cli::apply_tenant(client, std::move(tenant), deadline));
  // The text of an earlier start's key is gone; it would only pile up.
  INSULA_CO_TRY(const auto keys, co_await cli::list_keys(client, demo.name));
  for (const cli::KeyRow& key : keys) {
    if (key.name == kKeyName) INSULA_CO_TRY_VOID(co_await cli::revoke_key(client, key.id));
  }
  co_return co_await cli::create_key(client, system_random(), system_clock(), demo.name,
                                     std::string(kKeyName));
}

Task<> make_into(client::Client& client,
                 DemoTenant demo,
                 Deadline deadline,
                 std::optional<Result<cli::NewKey>>& slot) {
  slot.emplace(co_await make_tenant(client, demo, deadline));
}

Task<Result<>> make_all(client::Client& client) {
  const Deadline deadline = system_clock().now() + kDemoWithin;
  std::array<std::optional<Result<cli::NewKey>>, kTenants.size()> keys;
  TaskGroup group;
  for (std::size_t i = 0; i < kTenants.size(); ++i)
    group.spawn(make_into(client, kTenants[i], deadline, keys[i]));
  co_await group.drained();
  for (const auto& key : keys) {
    if (!*key) co_return std::unexpected(key->error());
  }
  fmt::print("\n");
  for (std::size_t i = 0; i < kTenants.size(); ++i) {
    fmt::print("{}   {}   key {}\n", kTenants[i].name, (*keys[i])->url, (*keys[i])->text);
  }
  const cli::NewKey& first = **keys.front();
  fmt::print(
      "\ntry it:\n"
      "  curl {}/v1/chat/completions -H 'Authorization: Bearer {}' \\\n"
      "    -d "
      "'{{\"model\":\"llm-sim\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n",
      first.url, first.text);
  co_return Result<>{};
}

}  // namespace

void print_ready(const PlatformState& state) {
  fmt::print("API      {}   KUBECONFIG={}\ngateway  {}\n", state.api_server, state.kubeconfig,
             state.gateway);
  std::fflush(stdout);
}

int make_demo(const PlatformState& state) {
  cli::SessionOptions session;
  session.kubeconfig = state.kubeconfig;
  return cli::run_session("up --demo", session, make_all);
}

}  // namespace insula::server
