#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/authentication.h"
#include "apiserver/authorizer.h"
#include "apiserver/body.h"
#include "apiserver/documents.h"
#include "apiserver/flowcontrol/flow_ticket.h"
#include "apiserver/flowcontrol/request_dispatcher.h"
#include "apiserver/health.h"
#include "apiserver/kind_index.h"
#include "apiserver/node_relay.h"
#include "apiserver/oidc_verifier.h"
#include "apiserver/output.h"
#include "apiserver/proxy_relay.h"
#include "apiserver/registry.h"
#include "apiserver/request_audit.h"
#include "apiserver/request_info.h"
#include "apiserver/request_options.h"
#include "apiserver/server_metrics.h"
#include "apiserver/stream_gate.h"
#include "apiserver/token_keys.h"
#include "apiserver/token_request.h"
#include "apiserver/token_verifier.h"
#include "async/task.h"
#include "async/task_group.h"
#include "base/error.h"
#include "http/exchange.h"
#include "net/address.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

struct ApiServerOptions {
  /// Of this product, such as `0.1.0`.
  std::string version = "0.0.0";
  std::string git_commit = {};
  /// Who a caller without TLS is; none: refused. For tests and Unix sockets.
  std::optional<User> plain_user = {};
  /// Where logs, exec and the like of pods are answered; empty: nowhere.
  std::optional<net::Address> node_socket = {};
  StreamLimits streams = {};
  /// How pods are reached whose requests are proxied.
  Dial dial = net::dial;
  /// Requests in flight, of all priority levels together, in seats.
  std::size_t seats = 200;
  /// Whose tokens ServiceAccounts have; nothing: they have none.
  std::optional<TokenAuthority> tokens = {};
  /// Whose ID tokens are good; nothing: nobody's.
  std::optional<OidcOptions> oidc = {};
  /// What is noted of requests; nothing: none are.
  std::optional<AuditOptions> audit = {};
  /// What is not ready yet, for /readyz; empty when everything is.
  std::function<std::vector<std::string>()> not_ready = {};
};

/// One request on its way through the server; filled from top to bottom.
struct Call {
  http::Exchange& exchange;
  SteadyTime began;
  Deadline until = {};  // of a request with an end of its own
  RequestInfo info = {};
  User user = {};
  User caller = {};  // who was authenticated, if that is another
  const api::Kind* kind = nullptr;
  OutputOptions output = {};
  WriteOptions options = {};
  std::vector<std::string> warnings = {};
  http::Headers headers = {};  // of the answer, beside those that all have
  int status = 0;
  std::size_t sent_bytes = 0;         // of the answer's body
  std::chrono::nanoseconds waited{};  // for seats and webhooks
  std::string audit_id = {};          // empty: nothing is audited here
  /// Nothing when this request is not audited.
  std::optional<RequestAudit> audit = {};
  /// Nothing for requests that have no flow: those to a node, and of callers that are not known.
  std::optional<FlowTicket> ticket = {};
  std::optional<InFlight::Entry> in_flight = {};

  [[nodiscard]] std::string query(std::string_view name) const {
    return exchange.request().query(name).value_or("");
  }
};

/// The Kubernetes API over HTTP.
///
/// Errors of every kind are answered with a Status. Reads, watches and writes of objects go to the
/// Registry; what concerns running pods (log, exec, attach, portforward) is handed on to the node
/// agent as it came, and what is for a pod itself (proxy) to the pod.
///
/// Threads: one loop, the registry's. Lifetime: its collaborators outlive it.
/// Spec: Kubernetes API Concepts.
class ApiServer final : public http::Handler {
 public:
  ApiServer(Registry& registry, MetricsRegistry& metrics, Log log, ApiServerOptions options);

  Task<> handle(http::Exchange& exchange) override;

 private:
  Task<Result<>> serve(Call& call);
  Task<Result<>> serve_document(Call& call);
  Task<Result<>> serve_object(Call& call);
  Task<Result<>> serve_read(Call& call);
  Task<Result<>> serve_watch(Call& call);
  Task<Result<>> serve_write(Call& call);
  Task<Result<>> serve_patch(Call& call);
  Task<Result<>> serve_delete(Call& call);
  Task<Result<>> serve_review(Call& call);
  /// A Binding that names its pod itself.
  Task<Result<>> serve_binding(Call& call);
  Task<Result<>> serve_token(Call& call);
  /// Everything that is stored, for a backup.
  Task<Result<>> serve_state_dump(Call& call);
  /// What the flows of requests do; false for other paths.
  Task<Result<bool>> serve_flow_dump(Call& call);
  /// What verifiers of tokens ask for; false for other paths.
  Task<Result<bool>> serve_issuer(Call& call);

  /// Authenticates, impersonates, waits for the request's seats and authorises: fills `call.user`
  /// and `call.ticket`.
  Task<Result<>> admit(Call& call);
  /// Who asks. Fills `call.user`.
  Result<> receive(Call& call);
  /// Fills `call.until`.
  static Result<> read_timeout(Call& call);
  Task<Result<>> take_seats(Call& call);
  /// The request's body. Who is slow to send it takes seats anew then.
  Task<Result<std::string>> read_body(Call& call);
  Result<User> identify(const Call& call);
  /// What the answer looks like, from the Accept header. Fills `call.output`.
  static Result<> choose_output(Call& call);
  /// Whether `call.user` may do this; the audit is told, too.
  Result<> permit(Call& call, const RequestInfo& request);
  void begin_audit(Call& call, const User* user);
  void note_authentication(const Call& call, const Result<User>& user);
  /// A place for a request that goes on at the client's pace.
  [[nodiscard]] Result<StreamGate::Pass> enter_stream(const Call& call);
  /// Requests that go on for as long as the client wants: to a node, or to a pod itself.
  Task<Result<>> serve_connection(Call& call);
  Task<Result<>> relay(Call& call);
  /// Tells the call of an answer that others give.
  static OnAnswer note_answer(Call& call);

  [[nodiscard]] Target target_of(const Call& call) const;
  [[nodiscard]] WriteContext write_context(Call& call);
  /// Fills `call.options`.
  static Result<> read_options(Call& call, WriteVerb verb);
  /// A body of that type; fills `call.options`, too.
  Task<Result<Object>> read_object(Call& call, const api::TypeInfo& type);
  Task<Result<api::DeleteOptions>> read_delete_options(Call& call);
  /// An answer; of resources in the format that was asked for, which `body` need not have yet.
  Task<Result<>> send(Call& call,
                      int status,
                      std::string body,
                      std::string_view type = "application/json");
  /// An answer as it is.
  Task<Result<>> respond(Call& call, int status, std::string body, std::string_view type);
  [[nodiscard]] static bool takes_gzip(const Call& call);
  static Task<std::string> gzipped(Call& call, std::string body);
  Task<Result<>> send_written(Call& call, const Written& written);
  Task<Result<>> send_list(Call& call, const ObjectList& list);
  /// What every answer says of its request: how it is called in the audit log, and its flow.
  static void describe(const Call& call, http::Headers& headers);
  [[nodiscard]] std::string version_document() const;
  [[nodiscard]] std::vector<HealthCheck> health_checks() const;

  Registry& registry_;
  api::KindCatalog& kinds_;
  MetricsRegistry& metrics_registry_;
  ServerMetrics metrics_;
  MetricsRegistry::Registration store_metrics_;
  Log log_;
  ApiServerOptions options_;
  Authorizer authorizer_;
  ApiDocuments documents_;
  HealthChecks health_;
  std::optional<TokenVerifier> verifier_;
  std::optional<OidcVerifier> oidc_;
  TokenAuthenticator* tokens_ = nullptr;  // null: no bearer token is good
  std::optional<TokenIssuer> issuer_;
  RequestDispatcher dispatcher_;
  StreamGate streams_;
  ProxyRelay proxy_;
  TaskGroup tasks_;
};

}  // namespace insula::apiserver
