#include <algorithm>

#include <fmt/format.h>

#include "api/gen/insula_v1alpha1.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/location.h"
#include "cli/output.h"
#include "cli/session.h"
#include "client/http_client.h"
#include "client/kubeconfig.h"
#include "client/typed.h"
#include "http/client.h"
#include "http/url.h"
#include "json/parse.h"

namespace insula::cli {
namespace {

/// What the gateway's ledger says; the socket is the gateway's own, and its owner's and root's
/// alone.
Task<Result<json::Value>> ask_gateway(std::string data_dir, std::string tenant) {
  INSULA_CO_TRY(const http::Origin origin,
                http::Origin::parse("unix:" + data_dir + "/gateway/admin.sock"));
  http::Client client{http::ClientOptions{}};
  http::Request request;
  request.target = "/usage?tenant=" + http::percent_encode(tenant);
  auto answer =
      co_await client.send(origin, std::move(request), system_clock().now() + kAnswerWithin);
  if (!answer)
    co_return std::unexpected(
        with_hint(std::move(answer).error().in("the gateway does not answer")));
  INSULA_CO_TRY(json::Value body, json::parse(answer->body));
  if (answer->status == 200) co_return body;
  co_return fail(error_code_of_status(answer->status),
                 std::string(body["error"].text("the gateway refused")));
}

/// The tenant's part of the answer; nullptr when it has not been used.
const json::Value* find_tenant(const json::Value& answer, const std::string& tenant) {
  const json::Array* tenants = answer["tenants"].as_array();
  if (tenants == nullptr) return nullptr;
  const auto found = std::ranges::find_if(
      *tenants, [&](const json::Value& one) { return one["tenant"].text() == tenant; });
  return found == tenants->end() ? nullptr : &*found;
}

/// Errors: kNotFound when there is no such tenant.
Task<Result<>> check_tenant(std::string data_dir, std::string tenant) {
  INSULA_CO_TRY(const auto config, client::load_kubeconfig(data_dir + "/kubeconfig"));
  INSULA_CO_TRY(const auto client, client::HttpClient::make(config));
  INSULA_CO_TRY_VOID(co_await client::get<api::Tenant>(*client, "", tenant));
  co_return Result<>{};
}

json::Value unused(const std::string& tenant) {
  json::Object zeros{{"tenant", tenant}};
  for (const char* count : {"requests", "failedRequests", "promptTokens", "completionTokens",
                            "totalTokens", "estimatedRequests"}) {
    zeros[count] = 0;
  }
  zeros["models"] = json::Array();
  zeros["keys"] = json::Array();
  return zeros;
}

void add_row(Table& table, const std::string& name, const json::Value& counts) {
  const auto number = [&](const char* key) {
    return std::to_string(counts[key].as_int64().value_or(0));
  };
  table.row({name, number("requests"), number("failedRequests"), number("promptTokens"),
             number("completionTokens")});
}

void print_usage(const json::Value& usage) {
  Table table({"", "REQUESTS", "FAILED", "PROMPT TOKENS", "COMPLETION TOKENS"});
  add_row(table, "tenant " + std::string(usage["tenant"].text()), usage);
  for (const char* part : {"models", "keys"}) {
    const json::Array* rows = usage[part].as_array();
    if (rows == nullptr) continue;
    const std::string word(part, std::string_view(part).size() - 1);
    for (const json::Value& row : *rows) {
      // Requests that name no model have none.
      const std::string_view name = row["name"].text();
      add_row(table, "  " + word + " " + std::string(name.empty() ? "-" : name), row);
    }
  }
  fmt::print("{}", table.text());
}

}  // namespace

int usage(std::span<const std::string> arguments) {
  std::string tenant;
  std::string data_dir = default_data_dir();
  std::string output = "table";
  Options options("usage", "Shows what a tenant has used: requests and tokens, by model and key.");
  options.word("TENANT", tenant, "whose usage")
      .text("--data-dir", data_dir, "data directory of the platform")
      .choice("-o,--output", output, {"table", "json", "yaml"}, "form of the answer");
  if (const auto over = options.parse(arguments)) return *over;
  return run_task("usage", [&]() -> Task<Result<>> {
    INSULA_CO_TRY(const json::Value answer, co_await ask_gateway(data_dir, tenant));
    const json::Value* used = find_tenant(answer, tenant);
    if (used == nullptr) INSULA_CO_TRY_VOID(co_await check_tenant(data_dir, tenant));
    const json::Value found = used == nullptr ? unused(tenant) : *used;
    if (output == "table") {
      print_usage(found);
    } else {
      print(found, output);
    }
    co_return Result<>{};
  });
}

}  // namespace insula::cli
