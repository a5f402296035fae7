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
#include "server/credentials.h"

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

/// `key` without a text: one that an earlier start printed.
Task<Result<cli::NewKey>> make_tenant(client::Client& client, DemoTenant demo, Deadline deadline) {
  const cli::TenantRequest request{.name = demo.name,
                                   .gpus = demo.gpus,
                                   .memory = demo.memory,
                                   .cpu = {},
                                   .requests_per_hour = {},
                                   .serve = "insula/llm-sim",
                                   .replicas = demo.replicas,
                                   .model = {}};
  INSULA_CO_TRY(api::Tenant wanted, cli::tenant_of(request));
  INSULA_CO_TRY(const api::Tenant tenant,
                co_await cli::ensure_tenant(client, std::move(wanted), deadline));
  INSULA_CO_TRY(const auto keys, co_await cli::list_keys(client, demo.name));
  for (const cli::KeyRow& key : keys) {
    if (key.name != kKeyName) continue;
    co_return cli::NewKey{.id = key.id, .text = {}, .tenant = demo.name, .url = tenant.status.url};
  }
  co_return co_await cli::create_key(
      client, system_random(), system_clock(),
      {.tenant = demo.name, .name = std::string(kKeyName), .models = {}});
}

Task<> make_into(client::Client& client,
                 DemoTenant demo,
                 Deadline deadline,
                 std::optional<Result<cli::NewKey>>& slot) {
  slot.emplace(co_await make_tenant(client, demo, deadline));
}

void print_key(const DemoTenant& tenant, const cli::NewKey& key) {
  if (!key.text.empty()) {
    fmt::print("{}   {}   key {}\n", tenant.name, key.url, key.text);
  } else {
    fmt::print("{}   {}   key {}, printed earlier; another: insula key create {}\n", tenant.name,
               key.url, key.id, tenant.name);
  }
}

void print_curl(const DemoTenant& tenant, const cli::NewKey& key, const std::string& ca) {
  const std::string bearer =
      key.text.empty()
          ? fmt::format("\"Authorization: Bearer $(insula key create {})\"", tenant.name)
          : fmt::format("'Authorization: Bearer {}'", key.text);
  // The gateway's certificate is of our own authority.
  const std::string trust = key.url.starts_with("https:") ? fmt::format("--cacert '{}' ", ca) : "";
  fmt::print(
      "\ntry it:\n"
      "  curl {}{}/v1/chat/completions -H {} \\\n"
      "    -d "
      "'{{\"model\":\"llm-sim\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n",
      trust, key.url, bearer);
}

Task<Result<>> make_all(client::Client& client, std::string ca) {
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
  for (std::size_t i = 0; i < kTenants.size(); ++i)
    print_key(kTenants[i], **keys[i]);
  print_curl(kTenants.front(), **keys.front(), ca);
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
  const std::string ca = pki_path({state.data_dir}, "ca.crt");
  return cli::run_session("up --demo", session,
                          [&](client::Client& client) { return make_all(client, ca); });
}

}  // namespace insula::server
