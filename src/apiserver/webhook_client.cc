#include "apiserver/webhook_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "apiserver/object.h"
#include "apiserver/service_endpoints.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "http/url.h"
#include "json/parse.h"
#include "json/write.h"
#include "net/resolve.h"
#include "net/tls.h"

namespace insula::apiserver {

namespace {

/// As large as the object that is asked about may be, and a patch of it.
constexpr std::size_t kAnswerBytesMax = 8U << 20U;
/// Sets of authorities whose connections are kept.
constexpr std::size_t kClientsMax = 64;
constexpr std::size_t kConnectionsMax = 32;
constexpr std::int32_t kHttpsPort = 443;
constexpr unsigned kResolverThreads = 2;

/// The URL as messages show it.
std::string shown_url(const Webhook& webhook) {
  const std::string timeout = fmt::format("?timeout={}s", webhook.timeout.count());
  if (webhook.client.url) return *webhook.client.url + timeout;
  const api::ServiceReference& service = *webhook.client.service;
  return fmt::format("https://{}.{}.svc:{}{}{}", service.name, service.namespace_,
                     service.port.value_or(kHttpsPort), service.path.value_or("/"), timeout);
}

/// Path and query of the request.
std::string target_of(const Webhook& webhook) {
  const std::string url = shown_url(webhook);
  const std::size_t authority = url.find("://") + 3;
  const std::size_t path = url.find_first_of("/?", authority);
  return (url[path] == '/' ? "" : "/") + url.substr(path);
}

std::unexpected<Error> no_endpoints(const api::ServiceReference& service) {
  return fail(ErrorCode::kInternal,
              fmt::format("no endpoints available for service \"{}\"", service.name));
}

}  // namespace

Task<Result<json::Value>> WebhookClient::ask(WebhookPtr webhook,
                                             json::Value review,
                                             std::string uid) {
  const Deadline deadline = Loop::current().now() + webhook->timeout;
  const auto failed = [&](const Error& error) {
    return fail(ErrorCode::kInternal,
                fmt::format("failed to call webhook: Post \"{}\": {}", shown_url(*webhook),
                            error.code() == ErrorCode::kTimeout ? "context deadline exceeded"
                                                                : error.message()));
  };
  const Result<ClientPtr> client = client_for(webhook->client.ca_bundle);
  if (!client) co_return failed(client.error());
  const Result<http::Origin> origin = co_await origin_of(*webhook, deadline);
  if (!origin) co_return failed(origin.error());
  http::Request request;
  request.method = "POST";
  request.target = target_of(*webhook);
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Accept", "application/json");
  // A pooled connection that was closed meanwhile may be tried once more.
  request.headers.set("Idempotency-Key", uid);
  request.body = json::write(review);
  // The client cuts its own steps; a server that sends byte after byte is cut here.
  const Result<http::Response> response =
      co_await with_deadline(deadline, (*client)->send(*origin, std::move(request), deadline));
  if (!response) co_return failed(response.error());
  if (!response->ok()) {
    co_return fail(ErrorCode::kInternal,
                   fmt::format("failed to call webhook: the server responded with the status code "
                               "{} but did not return more information",
                               response->status));
  }
  Result<json::Value> answer = json::parse(response->body);
  if (!answer) {
    co_return fail(ErrorCode::kInternal,
                   fmt::format("failed to call webhook: {}", answer.error().message()));
  }
  co_return answer;
}

Result<WebhookClient::ClientPtr> WebhookClient::client_for(const std::string& authorities) {
  if (const auto known = clients_.find(authorities); known != clients_.end()) return known->second;
  net::TlsClientOptions tls;
  tls.ca = authorities;
  http::ClientOptions options;
  INSULA_TRY(options.tls, net::TlsContext::client(tls));
  options.connections_per_origin = kConnectionsMax;
  options.body_bytes = kAnswerBytesMax;
  if (clients_.size() >= kClientsMax)
    std::erase_if(clients_, [](const auto& each) { return each.second.use_count() == 1; });
  auto client = std::make_shared<http::Client>(std::move(options));
  clients_.emplace(authorities, client);
  return client;
}

Task<Result<http::Origin>> WebhookClient::origin_of(const Webhook& webhook, Deadline deadline) {
  if (webhook.client.service) co_return origin_of_service(*webhook.client.service);
  const std::string url = webhook.client.url.value_or("");
  INSULA_CO_TRY(const http::Url parsed, http::Url::parse(url));
  http::Origin origin;
  origin.host = parsed.authority();
  origin.tls = true;
  if (const auto address = net::Address::ip(parsed.host, parsed.port)) {
    origin.address = *address;
    co_return origin;
  }
  if (!resolver_) resolver_ = std::make_unique<BlockingPool>(kResolverThreads);
  INSULA_CO_TRY(
      const std::vector<net::Address> addresses,
      co_await with_deadline(deadline, net::resolve(*resolver_, parsed.host, parsed.port)));
  origin.address = addresses.front();
  co_return origin;
}

Result<http::Origin> WebhookClient::origin_of_service(const api::ServiceReference& service) {
  const store::EntryPtr entry =
      store_.find(store_key(api::kind_of<api::Service>(), service.namespace_, service.name));
  if (!entry)
    return fail(ErrorCode::kInternal, fmt::format("service \"{}\" not found", service.name));
  const std::int32_t wanted = service.port.value_or(kHttpsPort);
  const auto found = object_of<api::Service>(*entry);
  const auto& ports = found->spec.ports;
  const auto port = std::ranges::find(ports, wanted, &api::ServicePort::port);
  if (port == ports.end()) {
    return fail(ErrorCode::kInternal,
                fmt::format("no service port {} found for service \"{}\"", wanted, service.name));
  }
  const std::vector<ServiceEndpoint> endpoints =
      ready_endpoints(store_, service.namespace_, service.name, port->name);
  if (endpoints.empty()) return no_endpoints(service);
  http::Origin origin;
  origin.address = endpoints[turn_++ % endpoints.size()].address;
  origin.host = fmt::format("{}.{}.svc:{}", service.name, service.namespace_, wanted);
  origin.tls = true;
  return origin;
}

}  // namespace insula::apiserver
