#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "gateway/credentials.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"
#include "http/scan.h"
#include "http/url.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

/// Whether it does no harm when a request is processed twice. Spec: RFC 9110 section 9.2.2.
bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 5> kIdempotent = {"GET", "HEAD", "OPTIONS", "PUT",
                                                           "DELETE"};
  return std::ranges::find(kIdempotent, method) != kIdempotent.end();
}

/// Another protocol would be one more that somebody could be sent requests in unseen.
bool wants_websocket(const http::RequestHead& head) {
  return head.upgrade && head.method == "GET" && head.minor_version >= 1 && !head.chunked &&
         head.content_length.value_or(0) == 0 &&
         http::equals_ignoring_case(head.find(http::FieldId::kUpgrade).value_or(""), "websocket");
}

}  // namespace

/// Whether the connection was opened for a host with another certificate. A client may send
/// requests for all hosts that a certificate is good for over one connection, but those for others
/// have not been proven to be for us. Spec: RFC 9110 section 15.5.20.
bool Exchange::is_misdirected(const Request& request, const http::RequestHead& head) const {
  const auto& certificates = request.snapshot->certificates;
  const std::string_view asked = client_.server_name();
  if (asked.empty() || certificates.empty()) return false;
  const auto context_of = [&](std::string_view host) {
    const auto* found = certificates.find(HostName(host));
    return found == nullptr ? nullptr : found->get();
  };
  return context_of(asked) != context_of(head.host);
}

/// The site that the request is for; nullptr when it is for the gateway's own API. That has its
/// paths on every host, so that nobody can be sent what is meant for it by having a host: all of a
/// tenant's, and `/v1/...` with a credential of the gateway.
const Site* Exchange::find_site(const Request& request, const http::RequestHead& head) {
  const Snapshot& snapshot = *request.snapshot;
  const Site* site = snapshot.sites.find(HostName(head.host));
  if (site == nullptr || site->routes().empty()) return nullptr;
  const auto target = split_target(head.target);
  if (!target) return site;
  const Tenant* tenant = target->tenant.empty() ? find_tenant_of(head, snapshot, worker_.tokens(),
                                                                 worker_.settings().clock.wall())
                                                : snapshot.find(target->tenant);
  return tenant == nullptr ? site : nullptr;
}

/// The same as accept() for what is none of the gateway's own.
Result<> Exchange::accept_for_site(Request& request,
                                   const http::RequestHead& head,
                                   const Site& site) {
  const Tenant& tenant = site.owner();
  request.assign(tenant);
  const std::string_view path = http::target_path(head.target);
  if (!http::is_unambiguous_path(path))
    return fail(ErrorCode::kBadRequest, "servers could read this path differently");
  if (head.method == "OPTIONS") {
    INSULA_TRY_VOID(accept_preflight(request, head, site, path));
    if (request.own_answer != OwnAnswer::kNone) return {};
  }
  const auto match = site.find({.method = head.method,
                                .path = path,
                                .query = http::target_query(head.target),
                                .head = &head});
  if (!match) {
    request.refusal_code = ApiError::kNoRoute;
    return fail(ErrorCode::kNotFound, "no route of this host is for such a request");
  }
  const SiteRoute& route = *match->route;
  request.site_route = &route;
  session_ = 0;
  if (route.edge.cors) {
    INSULA_TRY_VOID(apply_cors(request, head, tenant));
    if (request.own_answer != OwnAnswer::kNone) return {};
  }
  if (route.access == RouteAccess::kNobody) {
    return fail(ErrorCode::kForbidden,
                "nobody may use this route: it does not say understandably who may");
  }
  if (route.access == RouteAccess::kTenant) {
    INSULA_TRY_VOID(check_for_api_keys(head.target));
    INSULA_TRY(request.principal, authenticate(head, *request.snapshot, tenant, worker_.tokens(),
                                               worker_.settings().clock.wall()));
  }
  if (route.redirect) {
    redirect(request, head, *match);
    return {};
  }
  request.site_backend = route.choose(worker_.balancer().draw());
  if (request.site_backend == nullptr || !request.site_backend->problem.empty()) {
    request.refusal_code = ApiError::kNoBackend;
    return fail(ErrorCode::kInternal, request.site_backend == nullptr
                                          ? "the route has no backend"
                                          : request.site_backend->problem);
  }
  if (route.edge.bounds) INSULA_TRY_VOID(check_bounds(request, head));
  const std::size_t body_bytes_max = worker_.settings().body_bytes_max;
  if (head.content_length.value_or(0) > body_bytes_max) return body_too_large(body_bytes_max);
  request.has_body = client_.has_body();
  request.is_idempotent = is_idempotent(head.method);
  write_head_for(request, head, *match);
  if (!route.mirrors.empty()) note_mirrors(request, head, route);
  return {};
}

/// Answers a preflight of a page, if the route of the request that it is about is for the tenant's
/// pages. What is no preflight, or about another route, is the server's to answer.
Result<> Exchange::accept_preflight(Request& request,
                                    const http::RequestHead& head,
                                    const Site& site,
                                    std::string_view path) {
  const auto method = head.find("access-control-request-method");
  if (!method || !head.find("origin")) return {};
  const auto match = site.find(
      {.method = *method, .path = path, .query = http::target_query(head.target), .head = &head});
  if (!match || !match->route->edge.cors) return {};
  request.site_route = match->route;
  return apply_cors(request, head, site.owner());
}

/// Writes the head for the backend that was chosen.
void Exchange::write_head_for(Request& request,
                              const http::RequestHead& head,
                              const SiteMatch& match) {
  const RewriteConfig& rewrite = request.site_backend->rewrite;
  const std::string_view path = http::target_path(head.target);
  std::string target(head.target);
  if (rewrite.path) {
    target = changed_path(*rewrite.path, path, match.prefix_bytes);
    const std::string_view query = head.target.substr(path.size());
    target.append(query);
  }
  host_.assign(rewrite.host.empty() ? head.host : rewrite.host);
  upstream_head_.clear();
  write_site_head(upstream_head_,
                  {.head = head,
                   .target = {.tenant = {}, .path = path, .target = target},
                   .tenant = request.tenant->name,
                   .client_address = client_.client_address(),
                   .scheme = scheme(),
                   .request_id = request.id,
                   .trace_lines = trace_lines_,
                   .edits = &request.site_backend->request},
                  match.route->access == RouteAccess::kTenant ? WithheldCredentials::kChecked
                                                              : WithheldCredentials::kNone);
  request.wants_websocket = wants_websocket(head);
  if (request.wants_websocket) ask_for_websocket(upstream_head_);
  head_bytes_ = upstream_head_.size();
}

/// Chooses who gets a copy, and writes what it begins with. Tunnels have no copies.
void Exchange::note_mirrors(const Request& request,
                            const http::RequestHead& head,
                            const SiteRoute& route) {
  mirrors_.clear();
  if (request.wants_websocket) return;
  for (const SiteMirror& mirror : route.mirrors) {
    if (worker_.balancer().draw() < mirror.share) mirrors_.push_back(&mirror);
  }
  if (mirrors_.empty()) return;
  mirror_host_.assign(head.host);
  mirror_head_.clear();
  write_site_head(
      mirror_head_,
      {.head = head,
       .target = {.tenant = {}, .path = http::target_path(head.target), .target = head.target},
       .tenant = request.tenant->name,
       .client_address = client_.client_address(),
       .scheme = scheme(),
       .request_id = request.id,
       .trace_lines = trace_lines_},
      WithheldCredentials::kAll);
}

void Exchange::send_mirrors(const Request& request) {
  for (const SiteMirror* mirror : mirrors_) {
    worker_.mirror().send({.snapshot = request.snapshot,
                           .tenant = *request.tenant,
                           .backend = mirror->backend,
                           .head = mirror_head_,
                           .host = mirror_host_,
                           .has_body = request.has_body,
                           .body = payload_});
  }
  mirrors_.clear();
}

std::string_view Exchange::scheme() const {
  return worker_.settings().tls == nullptr ? "http" : "https";
}

/// Takes note of where the client is sent.
void Exchange::redirect(Request& request, const http::RequestHead& head, const SiteMatch& match) {
  request.location = location_of(*match.route->redirect, {.scheme = scheme(),
                                                          .host = http::without_port(head.host),
                                                          .path = http::target_path(head.target),
                                                          .query = http::target_query(head.target),
                                                          .prefix_bytes = match.prefix_bytes});
  own_headers_.append("Location: ").append(request.location).append("\r\n");
  own_headers_.append(match.route->redirect_reply.lines());
}

Task<bool> Exchange::answer_redirect(Request& request) {
  request.status = request.site_route->redirect->status;
  request.settle();
  const std::string body = json::write(json::Object{{"location", request.location}}) + "\n";
  co_return co_await reply(request, body);
}

/// Sets when the request, and this attempt to have it answered, must be over.
void Exchange::begin_attempt(const Request& request) {
  attempt_end_.reset();
  if (request.site_route == nullptr) return;
  // Not the loop's coarse time, which may be older than the shortest of these.
  const SteadyTime now = Loop::current().now();
  if (!request_end_ && request.site_route->request_time.count() > 0)
    request_end_ = now + request.site_route->request_time;
  if (request.site_route->backend_time.count() > 0)
    attempt_end_ = now + request.site_route->backend_time;
}

SteadyTime Exchange::end_of_attempt() const {
  return std::min(request_end_.value_or(SteadyTime::max()),
                  attempt_end_.value_or(SteadyTime::max()));
}

}  // namespace insula::gateway
