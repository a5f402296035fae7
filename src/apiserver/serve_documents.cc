#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "apiserver/api_server.h"
#include "apiserver/flowcontrol/flow_dump.h"
#include "apiserver/kind_index.h"
#include "apiserver/negotiation.h"
#include "apiserver/refusals.h"
#include "apiserver/state_dump.h"
#include "async/loop.h"
#include "http/date.h"
#include "http/url.h"
#include "jose/jwk_set.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

/// How long caches may keep what never changes. Spec: RFC 9111 §5.3 asks for no more than a year.
constexpr std::chrono::hours kForGood{24 * 365};

/// Whether there is something at a path that is none of the documents.
bool is_served_otherwise(std::string_view path) {
  for (const std::string_view known : {"/metrics", "/metrics/node", "/version", "/version/",
                                       "/openid/v1/jwks", "/.well-known/openid-configuration"}) {
    if (path == known) return true;
  }
  return path == kStateDumpPath || path.starts_with(kFlowDumpFolder);
}

/// Whether the caller takes what discovery gives: JSON, which other types are answered with, too.
/// Of groups, and of what definitions make, Kubernetes says it otherwise.
Result<> check_accepted(std::string_view path, std::string_view accept) {
  const bool discovery = path.starts_with("/api");
  std::optional<Error> refused =
      no_representation(accept, discovery ? PathForm::kObject : PathForm::kDocument);
  if (!refused) return {};
  constexpr std::string_view kGroups = "/apis";
  const bool of_version = path.find('/', kGroups.size() + 1) != std::string_view::npos;
  if (!path.starts_with(kGroups) || (of_version && is_of_built_in_group(path)))
    return about_nothing(*std::move(refused));
  const auto wanted = negotiate(accept);
  return wanted ? Result<>{} : std::unexpected(wanted.error());
}

}  // namespace

Task<Result<>> ApiServer::serve_document(Call& call) {
  if (call.info.verb != "get" && call.info.verb != "head") {
    const bool known = health_.has(call.info.path) || is_served_otherwise(call.info.path) ||
                       documents_.find(call.info.path, "");
    if (!known) co_return no_resource();
    co_return method_not_allowed();
  }
  if (call.info.path == "/metrics")
    co_return co_await send(call, 200, metrics_registry_.expose(), kPrometheusContentType);
  // The node agent has no port of its own.
  if (call.info.path == "/metrics/node") {
    if (!options_.node_socket) co_return no_node();
    co_return co_await relay(call);
  }
  if (is_public(call.info)) {
    auto [status, text] =
        health_.answer(call.info.path, http::target_query(call.exchange.request().target));
    co_return co_await send(call, status, std::move(text), "text/plain; charset=utf-8");
  }
  const std::string_view accept = call.exchange.request().headers.get("Accept");
  if (call.info.path == "/version" || call.info.path == "/version/") {
    INSULA_CO_TRY_VOID(check_accepted(call.info.path, accept));
    co_return co_await send(call, 200, version_document());
  }
  if (call.info.path == kStateDumpPath && call.info.verb == "get")
    co_return co_await serve_state_dump(call);
  INSULA_CO_TRY(const bool of_issuer, co_await serve_issuer(call));
  if (of_issuer) co_return Result<>{};
  INSULA_CO_TRY(const bool of_flows, co_await serve_flow_dump(call));
  if (of_flows) co_return Result<>{};
  const http::Headers& headers = call.exchange.request().headers;
  const DocumentPtr document = documents_.find(call.info.path, accept);
  if (!document) co_return no_resource();
  if (call.info.path.starts_with("/api"))
    INSULA_CO_TRY_VOID(check_accepted(call.info.path, accept));
  if (document->etag.empty())
    co_return co_await send(call, 200, document->body, document->content_type);
  call.headers = {{"ETag", document->etag}, {"Vary", "Accept"}};
  const std::string hash = document->permanent_url.empty() ? std::string() : call.query("hash");
  if (hash.empty()) {
    call.headers.add("Cache-Control", document->cache_control);
  } else if (document->permanent_url.ends_with("?hash=" + hash)) {
    call.headers.add("Cache-Control", "public, immutable");
    call.headers.add("Expires", http::date_text(registry_.clock().wall() + kForGood));
  } else {
    call.headers.add("Location", document->permanent_url);
    co_return co_await send(call, 301, {}, "text/plain; charset=utf-8");
  }
  const bool unchanged = names_etag(headers.get("If-None-Match"), document->etag);
  co_return co_await send(call, unchanged ? 304 : 200, unchanged ? std::string() : document->body,
                          document->content_type);
}

Task<Result<>> ApiServer::serve_state_dump(Call& call) {
  StateDump dump(registry_.store());
  call.status = 200;
  http::Headers headers;
  headers.add("Content-Type", "application/jsonl");
  describe(call, headers);
  INSULA_CO_TRY_VOID(co_await call.exchange.start(call.status, std::move(headers)));
  for (std::string piece = dump.next(); !piece.empty(); piece = dump.next()) {
    INSULA_CO_TRY_VOID(co_await call.exchange.write(piece));
    co_await call.ticket->give_way();
  }
  co_return co_await call.exchange.finish();
}

Task<Result<bool>> ApiServer::serve_flow_dump(Call& call) {
  std::string_view name = call.info.path;
  if (!name.starts_with(kFlowDumpFolder)) co_return false;
  name.remove_prefix(kFlowDumpFolder.size());
  const DumpTime now{Loop::current().now(), registry_.clock().wall()};
  auto text =
      dump_flows(name, dispatcher_.levels(), now, !call.query("includeRequestDetails").empty());
  if (!text) co_return false;
  INSULA_CO_TRY_VOID(co_await send(call, 200, *std::move(text), "text/plain; charset=utf-8"));
  co_return true;
}

Task<Result<bool>> ApiServer::serve_issuer(Call& call) {
  if (!options_.tokens) co_return false;
  std::string_view path = call.info.path;
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path == "/.well-known/openid-configuration") {
    INSULA_CO_TRY_VOID(check_accepted(path, call.exchange.request().headers.get("Accept")));
    INSULA_CO_TRY_VOID(co_await send(call, 200, discovery_document(*options_.tokens)));
    co_return true;
  }
  if (path != "/openid/v1/jwks") co_return false;
  INSULA_CO_TRY_VOID(co_await send(call, 200,
                                   jose::write_jwk_set(options_.tokens->keys.public_keys()),
                                   "application/jwk-set+json"));
  co_return true;
}

std::string ApiServer::version_document() const {
  // Clients compare major and minor; gitVersion says what we are.
  return json::write_pretty(
      json::Object{{"major", "1"},
                   {"minor", "36"},
                   {"emulationMajor", "1"},
                   {"emulationMinor", "36"},
                   {"minCompatibilityMajor", "1"},
                   {"minCompatibilityMinor", "35"},
                   {"gitVersion", fmt::format("v1.36.0+insula.{}", options_.version)},
                   {"gitCommit", options_.git_commit},
                   {"gitTreeState", "clean"},
                   {"buildDate", ""},
                   {"goVersion", ""},
                   {"compiler", "clang"},
                   {"platform", "linux/amd64"}});
}

}  // namespace insula::apiserver
