#include "apiserver/api_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "api/certificates.h"
#include "api/custom/custom_kind.h"
#include "api/gen/core_v1.h"
#include "api/go_duration.h"
#include "api/protobuf.h"
#include "api/rbac.h"
#include "api/schema_tables.h"
#include "api/subresources.h"
#include "apiserver/admission_match.h"
#include "apiserver/certificate_admission.h"
#include "apiserver/compression.h"
#include "apiserver/connection_request.h"
#include "apiserver/escalation.h"
#include "apiserver/event_expiry.h"
#include "apiserver/field_ownership.h"
#include "apiserver/impersonation.h"
#include "apiserver/node_relay.h"
#include "apiserver/output_format.h"
#include "apiserver/params_permit.h"
#include "apiserver/refusals.h"
#include "apiserver/status.h"
#include "apiserver/tenant_of.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "base/number.h"
#include "http/url.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

/// For a request with an end of its own.
constexpr std::chrono::seconds kRequestTimeout{60};
/// Which part of its time a request may wait for its seats.
constexpr int kSeatShare = 4;

/// Also of a subresource: its body may be of another kind than the object, so that only its own
/// verbs know what to do with it.
bool is_served(const api::Kind& kind, const RequestInfo& info) {
  if (info.subresource.empty()) return kind.has_verb(info.verb);
  const api::Subresource known = api::subresource_of(kind, info.subresource);
  if (is_proxied(info) && info.verb.empty()) return true;  // OPTIONS
  return std::ranges::find(known.verbs, info.verb) != known.verbs.end();
}

/// Whether a path leads to nothing at all: not even to the server of a group that is built in,
/// which would know its kinds.
bool leads_nowhere(const Call& call, const Error& error) {
  if (error.code() != ErrorCode::kNotFound || call.kind != nullptr) return false;
  std::string_view path = call.info.path;
  if (path == "/api" || path.starts_with("/api/")) return false;
  if (!path.starts_with("/apis/")) return true;
  return !is_of_built_in_group(path);
}

/// Paths of custom objects are not known one by one, and are refused by their formats alone.
std::unexpected<Error> not_acceptable(const Call& call, const Error& error) {
  const RequestInfo& info = call.info;
  const bool collection = info.verb == "watch" || info.verb == "list";
  const http::Headers& headers = call.exchange.request().headers;
  std::optional<Error> unknown = no_representation(
      headers.get("Accept"), collection ? PathForm::kCollection : PathForm::kObject);
  if (api::custom_kind(*call.kind) != nullptr || !unknown) return std::unexpected(error);
  return about_nothing(*std::move(unknown));
}

/// A kind, or one of its subresources, that is not there.
std::unexpected<Error> nothing_there(const Call& call) {
  const RequestInfo& info = call.info;
  if (call.kind != nullptr && api::custom_kind(*call.kind) != nullptr && !info.name.empty())
    return fail(ErrorCode::kNotFound,
                fmt::format("{} \"{}\" not found", info.group_resource(), info.name));
  return about_nothing(no_resource().error());
}

/// Whether this path is served, and with this method.
Result<> check_path(const Call& call) {
  if (call.kind == nullptr) return nothing_there(call);
  const RequestInfo& info = call.info;
  const api::Kind& kind = *call.kind;
  const bool watches = info.verb == "watch";
  if (!info.subresource.empty() && (watches || !kind.has_subresource(info.subresource)))
    return nothing_there(call);
  // A namespaced object without a namespace in the path exists in lists and watches only.
  const bool in_namespace = info.resource != "namespaces" && !info.name_space.empty();
  const bool everywhere = kind.namespaced && !in_namespace;
  const bool is_collection = info.name.empty() && kind.has_verb("list");
  // Questions are only asked.
  const bool named_question = !kind.is_stored() && !info.name.empty();
  if ((everywhere && !is_collection) || (!kind.namespaced && in_namespace) || named_question)
    return nothing_there(call);
  const std::string& method = call.exchange.request().method;
  // As in Kubernetes, only a pod itself answers HEAD.
  const bool refused = watches ? method != "GET" : method == "HEAD" && !is_proxied(info);
  if (refused || !is_served(kind, info) || (everywhere && !watches && info.verb != "list"))
    return method_not_allowed();
  return {};
}

Result<IncludeObject> include_of(const std::string& text) {
  if (text.empty() || text == "Metadata") return IncludeObject::kMetadata;
  if (text == "Object") return IncludeObject::kObject;
  if (text == "None") return IncludeObject::kNone;
  return fail(ErrorCode::kBadRequest,
              fmt::format("unrecognized includeObject value: \"{}\"", text));
}

constexpr std::string_view kEndpointsDeprecated =
    "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

/// Whether a person reads the answer: who asks for that, and the usual tools of people who do not
/// say otherwise. Spec: Kubernetes, the option `pretty`.
bool is_for_reading(const http::Request& request) {
  constexpr std::array kTrue = {"1"sv, "t"sv, "T"sv, "true"sv, "TRUE"sv, "True"sv};
  constexpr std::array kTools = {"curl"sv, "Wget"sv, "Mozilla/5.0"sv};
  if (request.target.contains("pretty")) {
    const std::string asked = request.query("pretty").value_or("");
    if (!asked.empty()) return std::ranges::find(kTrue, asked) != kTrue.end();
  }
  const std::string_view agent = request.headers.get("User-Agent");
  return std::ranges::any_of(kTools,
                             [&](std::string_view tool) { return agent.starts_with(tool); });
}

std::string indented(std::string body) {
  const auto document = json::parse(body);
  return document ? json::write_pretty(*document) : body;
}

/// Double quotes and backslashes as RFC 7234's quoted-string wants them.
std::string warning_header(std::string_view text) {
  std::string out = "299 - \"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out + '"';
}

/// By what means a caller meant to be known who is not. In Kubernetes' words.
std::string_view attempted_authentication(const http::Exchange& exchange) {
  if (exchange.request().headers.contains("Authorization"))
    return "Authentication failed, attempted: bearer";
  return "Authentication failed, no credentials provided";
}

}  // namespace

ApiServer::ApiServer(Registry& registry,
                     MetricsRegistry& metrics,
                     Log log,
                     ApiServerOptions options)
    : registry_(registry),
      kinds_(registry.kinds()),
      metrics_registry_(metrics),
      metrics_(metrics, kinds_, registry.clock()),
      store_metrics_(register_store_metrics(metrics, registry.store(), kinds_)),
      log_(std::move(log)),
      options_(std::move(options)),
      authorizer_(registry.store()),
      documents_(kinds_),
      health_(health_checks()),
      dispatcher_(registry.store(), metrics, options_.seats),
      streams_(options_.streams),
      proxy_(registry, options_.dial) {
  if (options_.tokens) {
    verifier_.emplace(registry.store(), *options_.tokens);
    issuer_.emplace(registry.store(), *options_.tokens, registry.clock(), registry.random());
    tokens_ = &*verifier_;
  }
  if (options_.oidc) {
    oidc_.emplace(*options_.oidc, options_.tokens ? options_.tokens->issuer : "insula", tokens_);
    tokens_ = &*oidc_;
  }
  if (options_.audit) {
    for (const AuditLevel level : {AuditLevel::kNone, AuditLevel::kMetadata, AuditLevel::kRequest,
                                   AuditLevel::kRequestResponse})
      (void)metrics_.audited(level);
  }
  registry.measure(metrics);
  tasks_.spawn(keep_expiring_events(registry_));
}

Task<> ApiServer::handle(http::Exchange& exchange) {
  Call call{exchange, Loop::current().now()};
  if (options_.audit) call.audit_id = audit_id_of(exchange.request().headers, registry_.random());
  const Result<> outcome = co_await serve(call);
  if (!outcome && !exchange.answered()) {
    const Error& error = outcome.error();
    call.status = status_code(error);
    // That a pod does not answer is its owner's to know.
    if (call.status >= 500 && !(is_proxied(call.info) && error.origin() == ErrorOrigin::kUpstream))
      log_.error("request failed", "verb", call.info.verb, "path", call.info.path, "err", error);
    if (leads_nowhere(call, error)) {
      call.headers.set("X-Content-Type-Options", "nosniff");
      (void)co_await respond(call, call.status, "404 page not found\n",
                             "text/plain; charset=utf-8");
    } else {
      (void)co_await send(call, call.status, status_json(error, call.info));
    }
  }
  if (call.audit) call.audit->complete(call.status);
  metrics_.record({.info = call.info,
                   .head = exchange.request(),
                   .status = call.status,
                   .took = Loop::current().now() - call.began,
                   .waited = call.waited,
                   .sent_bytes = call.sent_bytes});
}

/// The life of a request. Each step may end it with an error, which becomes a Status.
Task<Result<>> ApiServer::serve(Call& call) {
  const http::Request& request = call.exchange.request();
  INSULA_CO_TRY(call.info, parse_request_info(request.method, request.target));
  if (call.info.is_resource)
    call.kind = kinds_.find(call.info.group, call.info.version, call.info.resource);
  if (call.kind == &api::kind_of<api::Endpoints>())
    call.headers.add("Warning", warning_header(kEndpointsDeprecated));
  // Before anything can be refused: a refusal is written as the answer would be.
  const Result<> negotiated = choose_output(call);
  INSULA_CO_TRY_VOID(co_await admit(call));
  if (!call.info.is_resource) co_return co_await serve_document(call);
  INSULA_CO_TRY_VOID(check_path(call));
  if (is_relayed(call.info)) co_return co_await serve_connection(call);
  if (!negotiated) co_return not_acceptable(call, negotiated.error());
  INSULA_CO_TRY(call.output.include, include_of(call.query("includeObject")));
  call.output.now = registry_.clock().wall();
  if (call.info.verb == "watch") co_return co_await serve_watch(call);
  Result<> served = co_await with_deadline(call.until, serve_object(call));
  if (served || served.error().code() != ErrorCode::kTimeout || Loop::current().now() < call.until)
    co_return served;
  co_return about_nothing(
      {ErrorCode::kTimeout, "Timeout: request did not complete within the allotted timeout"});
}

Result<> ApiServer::choose_output(Call& call) {
  if (call.kind == nullptr) return {};
  Offer offer;
  offer.protobuf = api::has_protobuf(call.kind->type);
  // An answer to a question is no object of a list: there is nothing to make a table of.
  offer.forms = call.kind->is_stored();
  offer.stream = call.info.verb == "watch";
  INSULA_TRY(const Representation wanted,
             negotiate(call.exchange.request().headers.get("Accept"), offer));
  call.output.form = wanted.form;
  call.output.meta_version = wanted.meta_version;
  call.output.format = wanted.format;
  call.output.metadata_of_list = wanted.of_list;
  return {};
}

Result<User> ApiServer::identify(const Call& call) {
  const net::Stream& stream = call.exchange.stream();
  const std::string_view authorization = call.exchange.request().headers.get("Authorization");
  if (stream.tls() == nullptr && options_.plain_user &&
      (authorization.empty() || tokens_ == nullptr))
    return *options_.plain_user;
  return authenticate(stream.tls(), authorization, tokens_, registry_.clock().wall());
}

void ApiServer::begin_audit(Call& call, const User* user) {
  if (!options_.audit) return;
  const AuditDecision decision = options_.audit->policy.decide(user, call.info);
  metrics_.audited(decision.level).add();
  if (decision.level == AuditLevel::kNone) return;
  call.audit.emplace(*options_.audit->sink, registry_.clock(), decision,
                     RequestAudit::Request{.head = call.exchange.request(),
                                           .info = call.info,
                                           .id = call.audit_id,
                                           .peer = call.exchange.stream().peer(),
                                           .received = registry_.clock().wall()});
  if (user != nullptr)
    call.audit->received(*user);
  else
    call.audit->refused(attempted_authentication(call.exchange), 401);
}

Result<> ApiServer::permit(Call& call, const RequestInfo& request) {
  const Decision decision = authorizer_.decide(call.user, request);
  metrics_.authorized(decision.allowed);
  if (call.audit) {
    AuditAnnotations& notes = call.audit->annotations();
    notes.insert_or_assign("authorization.k8s.io/decision", decision.allowed ? "allow" : "forbid");
    notes.insert_or_assign("authorization.k8s.io/reason", decision.reason);
  }
  return Authorizer::verdict(decision, call.user, request);
}

OnAnswer ApiServer::note_answer(Call& call) {
  return [&call](int status, http::Headers& headers) {
    call.status = status;
    describe(call, headers);
    if (call.audit && call.info.is_resource) call.audit->started(status);
  };
}

Result<StreamGate::Pass> ApiServer::enter_stream(const Call& call) {
  return streams_.enter(call.caller, tenant_of_caller(call.caller, registry_.store()));
}

Task<Result<>> ApiServer::serve_connection(Call& call) {
  const bool proxied = is_proxied(call.info);
  const http::Request& request = call.exchange.request();
  if (proxied || is_terminal(call.info)) {
    if (request.query("dryRun")) co_return fail(ErrorCode::kBadRequest, "dryRun is not supported");
  } else {
    INSULA_CO_TRY_VOID(check_log_options(request, call.info.name));
  }
  if (!proxied && !options_.node_socket) co_return no_node();
  INSULA_CO_TRY(const StreamGate::Pass pass, enter_stream(call));
  std::shared_ptr<const api::Pod> pod;
  if (!proxied) {
    INSULA_CO_TRY(const store::EntryPtr entry,
                  registry_.get({call.kind, call.info.name_space, call.info.name, ""}));
    pod = object_of<api::Pod>(*entry);
  }
  if (proxied || is_terminal(call.info)) {
    INSULA_CO_TRY_VOID(co_await registry_.connect(
        target_of(call), connect_options(call.info, request), write_context(call)));
  }
  if (pod && pod->spec.node_name.empty()) {
    INSULA_CO_TRY_VOID(check_unplaced(*pod, call.info, call.query("container")));
    http::Response nothing{.status = 204, .headers = {}, .body = {}};
    nothing.headers.set("Cache-Control", "no-cache, private");
    note_answer(call)(nothing.status, nothing.headers);
    co_return co_await call.exchange.respond(std::move(nothing));
  }
  const Counted counted(metrics_.long_running(call.info));
  if (proxied) co_return co_await proxy_.serve(call.exchange, call.info, note_answer(call));
  co_return co_await relay(call);
}

Task<Result<>> ApiServer::relay(Call& call) {
  co_return co_await relay_to_node(call.exchange, *options_.node_socket, note_answer(call));
}

Result<> ApiServer::receive(Call& call) {
  if (is_public(call.info)) {
    call.user = User{kAnonymous, {kUnauthenticated}};
    call.caller = call.user;
    begin_audit(call, &call.user);
    return {};
  }
  const Result<User> user = identify(call);
  begin_audit(call, user ? &*user : nullptr);
  note_authentication(call, user);
  if (!user) return std::unexpected(user.error());
  call.caller = *user;
  INSULA_TRY(call.user, impersonate(authorizer_, *user, call.exchange.request().headers));
  if (call.audit && call.user != *user) call.audit->impersonated(call.user);
  return {};
}

void ApiServer::note_authentication(const Call& call, const Result<User>& user) {
  if (user) {
    metrics_.authenticated(Authentication::kSuccess);
    metrics_.authenticated_as(user->name);
    return;
  }
  const bool tried = call.exchange.request().headers.contains("Authorization");
  metrics_.authenticated(tried ? Authentication::kError : Authentication::kFailure);
}

Task<Result<>> ApiServer::admit(Call& call) {
  INSULA_CO_TRY_VOID(receive(call));
  INSULA_CO_TRY_VOID(read_timeout(call));
  if (!is_relayed(call.info)) {
    INSULA_CO_TRY_VOID(co_await take_seats(call));
    if (call.info.verb != "watch")
      call.in_flight.emplace(metrics_.in_flight(call.info, Loop::current().now()));
  }
  if (is_public(call.info)) co_return Result<>{};
  INSULA_CO_TRY_VOID(permit(call, call.info));
  if (call.info.verb == "get" && is_terminal(call.info)) {
    // A WebSocket begins with GET, and must not open what a POST would not.
    RequestInfo create = call.info;
    create.verb = "create";
    INSULA_CO_TRY_VOID(permit(call, create));
  }
  co_return Result<>{};
}

Task<Result<std::string>> ApiServer::read_body(Call& call) {
  INSULA_CO_TRY(std::string body,
                co_await call.ticket->with_client(call.exchange.body(kBodyBytesMax)));
  if (!call.ticket->is_executing()) {
    INSULA_CO_TRY_VOID(co_await take_seats(call));
  }
  metrics_.received(call.info, body.size());
  co_return body;
}

/// Other limits than the client's are not refused: none, and more than there is.
Result<> ApiServer::read_timeout(Call& call) {
  call.until = call.began + kRequestTimeout;
  const std::string text = call.query("timeout");
  if (text.empty() || is_relayed(call.info) || call.info.verb == "watch") return {};
  const auto timeout = api::parse_go_duration(text);
  if (!timeout)
    return fail(ErrorCode::kBadRequest,
                fmt::format("invalid timeout specified in the request URL - {}",
                            timeout.error().message()));
  if (*timeout > std::chrono::nanoseconds(0) && *timeout < kRequestTimeout)
    call.until = call.began + *timeout;
  return {};
}

Task<Result<>> ApiServer::take_seats(Call& call) {
  EstimatedRequest request{.info = call.info, .kind = call.kind};
  request.limit = parse_whole<std::size_t>(call.query("limit")).value_or(0);
  request.has_selectors =
      !call.query("labelSelector").empty() || !call.query("fieldSelector").empty();
  const std::string version = call.query("resourceVersion");
  request.sends_initial_events =
      version.empty() || version == "0" || !call.query("sendInitialEvents").empty();
  call.ticket.emplace(dispatcher_, call.user, call.info);
  dispatcher_.enter(*call.ticket, request);
  if (call.ticket->is_executing()) co_return Result<>{};
  const SteadyTime began = Loop::current().now();
  Result<> waited =
      co_await dispatcher_.wait(*call.ticket, call.began + (call.until - call.began) / kSeatShare,
                                call.exchange.client_gone());
  call.waited += Loop::current().now() - began;
  co_return waited;
}

Task<Result<>> ApiServer::serve_object(Call& call) {
  const std::string& verb = call.info.verb;
  if (call.kind == &api::kind_of<api::Binding>()) co_return co_await serve_binding(call);
  if (!call.kind->is_stored()) co_return co_await serve_review(call);
  if (call.info.subresource == "token") co_return co_await serve_token(call);
  if (verb == "get" || verb == "list") co_return co_await serve_read(call);
  if (verb == "create" || verb == "update") co_return co_await serve_write(call);
  if (verb == "patch") co_return co_await serve_patch(call);
  co_return co_await serve_delete(call);
}

Target ApiServer::target_of(const Call& call) const {
  return {call.kind, call.kind->namespaced ? call.info.name_space : "", call.info.name,
          call.info.subresource};
}

void ApiServer::describe(const Call& call, http::Headers& headers) {
  if (!call.audit_id.empty()) headers.set("Audit-Id", call.audit_id);
  for (const auto& [name, value] : call.headers) {
    // There may be one for gzip, and those of what is written.
    if (name == "Vary" || name == "Warning")
      headers.add(name, value);
    else
      headers.set(name, value);
  }
  if (!call.ticket || !call.ticket->has_entered()) return;
  const Flow& flow = call.ticket->flow();
  headers.set("X-Kubernetes-PF-FlowSchema-UID", flow.schema->metadata.uid);
  headers.set("X-Kubernetes-PF-PriorityLevel-UID", flow.level->object->metadata.uid);
}

bool ApiServer::takes_gzip(const Call& call) {
  return accepts_gzip(call.exchange.request().headers.get("Accept-Encoding"));
}

/// In pieces, so that others have their turn.
Task<std::string> ApiServer::gzipped(Call& call, std::string body) {
  constexpr std::size_t kPieceBytes = kGzipBytesMin;
  GzipStream gzip;
  std::string out;
  for (std::string_view rest = body; !rest.empty();) {
    const std::string_view piece = rest.substr(0, kPieceBytes);
    out += gzip.add(piece);
    rest.remove_prefix(piece.size());
    if (call.ticket) co_await call.ticket->give_way();
  }
  co_return out + gzip.finish();
}

Task<Result<>> ApiServer::send(Call& call, int status, std::string body, std::string_view type) {
  const bool of_resource = call.info.is_resource && type == content_type(BodyFormat::kJson);
  if (of_resource && call.audit) call.audit->answered(status, body);
  if (of_resource && call.output.format != BodyFormat::kJson) {
    if (auto formatted = in_format(call.output.format, body)) {
      body = *std::move(formatted);
      type = content_type(call.output.format);
    } else {
      log_.error("answered in JSON", "path", call.info.path, "err", formatted.error());
    }
  }
  co_return co_await respond(call, status, std::move(body), type);
}

Task<Result<>> ApiServer::respond(Call& call, int status, std::string body, std::string_view type) {
  if (call.info.is_resource && type == content_type(BodyFormat::kJson) &&
      is_for_reading(call.exchange.request()))
    body = indented(std::move(body));
  const bool long_answer = body.size() >= kGzipBytesMin;
  const bool zipped = long_answer && takes_gzip(call);
  if (zipped) body = co_await gzipped(call, std::move(body));
  http::Response response = http::make_response(status, type, std::move(body));
  if (zipped) response.headers.set("Content-Encoding", "gzip");
  if (long_answer) response.headers.set("Vary", "Accept-Encoding");
  for (const std::string& text : call.warnings) {
    const std::string header = warning_header(text);
    if (http::is_field_value(header)) response.headers.add("Warning", header);
  }
  if (status == 401) response.headers.set("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503) {
    const std::int64_t seconds = call.ticket ? call.ticket->retry_after().value_or(1) : 1;
    response.headers.set("Retry-After", std::to_string(seconds));
  }
  response.headers.set("Cache-Control", "no-cache, private");
  describe(call, response.headers);
  call.status = status;
  call.sent_bytes = response.body.size();
  Task<Result<>> respond = call.exchange.respond(std::move(response));
  if (call.ticket) co_return co_await call.ticket->with_client(std::move(respond));
  co_return co_await std::move(respond);
}

std::vector<HealthCheck> ApiServer::health_checks() const {
  const auto not_read = [this]() -> std::string {
    const std::vector<std::string> missing =
        options_.not_ready ? options_.not_ready() : std::vector<std::string>{};
    if (missing.empty()) return {};
    return fmt::format("not read yet: {}", fmt::join(missing, ", "));
  };
  return {{.name = "ping", .failure = [] { return std::string(); }, .is_of_liveness = true},
          {.name = "storage", .failure = [this] { return registry_.store().read_only_reason(); }},
          {.name = "controllers", .failure = not_read}};
}

Result<> ApiServer::read_options(Call& call, WriteVerb verb) {
  INSULA_TRY(call.options, write_options(call.exchange.request(), verb));
  return {};
}

WriteContext ApiServer::write_context(Call& call) {
  WriteContext context;
  context.user = call.user;
  if (call.info.group == api::kRbacGroup)
    context.permit = escalation_permit(authorizer_, call.user, call.info);
  if (call.info.group == api::kCertificatesGroup)
    context.permit = signer_permit(authorizer_, call.user, call.info);
  if (call.info.group == kAdmissionGroup)
    context.permit = params_permit(authorizer_, kinds_, call.user);
  context.may_create = [this, &call] {
    RequestInfo create = call.info;
    create.verb = "create";
    return authorizer_.authorize(call.user, create);
  };
  context.field_manager = field_manager_of(call.options.field_manager,
                                           call.exchange.request().headers.get("User-Agent"));
  context.warnings = &call.warnings;
  if (call.audit) context.annotations = &call.audit->annotations();
  context.waited = &call.waited;
  context.dry_run = call.options.dry_run;
  return context;
}

}  // namespace insula::apiserver
