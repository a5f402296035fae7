#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "api/platform_objects.h"
#include "apiserver/api_server.h"
#include "apiserver/audit_log.h"
#include "apiserver/bootstrap_policy.h"
#include "apiserver/flowcontrol/flow_objects.h"
#include "apiserver/registry.h"
#include "apiserver/token_keys.h"
#include "apiserver/token_request.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "async/signals.h"
#include "async/task_group.h"
#include "base/random.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/location.h"
#include "cli/options.h"
#include "client/in_process_client.h"
#include "http/client.h"
#include "http/server.h"
#include "net/listener.h"
#include "net/tls.h"
#include "server/api_service.h"
#include "server/audit_flags.h"
#include "server/bootstrap.h"
#include "server/commands.h"
#include "server/control_loops.h"
#include "server/credentials.h"
#include "server/data_dir.h"
#include "server/oidc_flags.h"
#include "server/pki.h"
#include "server/process_log.h"
#include "server/supervisor.h"
#include "store/store.h"
#include "telemetry/metrics.h"

namespace insula::server {
namespace {

/// Requests in flight get this long; watches end at once.
constexpr std::chrono::seconds kApiServiceInterval{10};
constexpr std::chrono::seconds kDrainTime{3};

struct ControlOptions {
  Layout layout;
  int listen_fd = -1;
  std::string api_url;
  std::string gateway_url;
  AuditFlags audit;
  OidcFlags oidc;
  LogOptions log;
};

/// Who signs the certificates by which callers are known.
Result<std::string> client_authorities(const Layout& layout) {
  INSULA_TRY(std::string authorities, read_file(pki_path(layout, "ca.crt")));
  INSULA_TRY(const std::string members, read_file(pki_path(layout, "client-ca.crt")));
  return authorities + members;
}

Result<std::shared_ptr<net::TlsContext>> api_tls(const Layout& layout) {
  net::TlsServerOptions tls;
  INSULA_TRY(tls.certificate_chain, read_file(pki_path(layout, "server.crt")));
  INSULA_TRY(tls.private_key, read_file(pki_path(layout, "server.key")));
  INSULA_TRY(tls.client_ca, client_authorities(layout));
  tls.alpn = {"http/1.1"};
  return net::TlsContext::server(tls);
}

Result<std::unique_ptr<store::Store>> open_store(const Layout& layout) {
  INSULA_TRY(auto journal, store::open_sqlite_journal(layout.control() + "/state.db"));
  store::StoreOptions options;
  options.ephemeral_prefixes = apiserver::ephemeral_prefixes();
  return store::Store::open(std::move(journal), std::move(options));
}

Result<apiserver::TokenAuthority> token_authority(const Layout& layout,
                                                  const std::string& api_url) {
  INSULA_TRY(const std::string signer, read_file(pki_path(layout, "sa.key")));
  INSULA_TRY(const std::string verifiers, read_file(pki_path(layout, "sa.pub")));
  INSULA_TRY(apiserver::TokenKeys keys, apiserver::TokenKeys::load(signer, verifiers));
  return apiserver::TokenAuthority{std::move(keys), std::string(api::kServiceAccountIssuer),
                                   api_url + "/openid/v1/jwks"};
}

Result<Authority> client_authority(const Layout& layout, const Clock& clock) {
  KeyPair pair;
  INSULA_TRY(pair.certificate, read_file(pki_path(layout, "client-ca.crt")));
  INSULA_TRY(pair.key, read_file(pki_path(layout, "client-ca.key")));
  return Authority::load(std::move(pair), clock);
}

Result<std::string> sign_request(const Authority& authority,
                                 const api::CertificateSigningRequestSpec& request) {
  const std::chrono::seconds lifetime = request.expiration_seconds
                                            ? std::chrono::seconds(*request.expiration_seconds)
                                            : std::chrono::seconds(kLeafLifetime);
  return authority.sign_client(request.request, request.usages, lifetime);
}

/// The control plane on one loop: store, API, controllers, scheduler.
class ControlPlane {
 public:
  ControlPlane(ControlOptions options, Loop& loop, Log log)
      : options_(std::move(options)),
        loop_(loop),
        log_(std::move(log)),
        process_metrics_(register_process_metrics(metrics_)) {}

  /// Opens the store and serves; the controllers start once what they need exists.
  Task<Result<>> start() {
    INSULA_CO_TRY(store_, open_store(options_.layout));
    registry_ = std::make_unique<apiserver::Registry>(*store_, loop_.clock(), system_random());
    INSULA_CO_TRY(authority_, token_authority(options_.layout, options_.api_url));
    INSULA_CO_TRY(clients_, client_authority(options_.layout, loop_.clock()));
    token_issuer_.emplace(*store_, *authority_, loop_.clock(), system_random());
    if (options_.audit.enabled()) {
      INSULA_CO_TRY(audit_log_, options_.audit.open_log(options_.layout, metrics_, log_));
    }
    INSULA_CO_TRY(apiserver::ApiServerOptions api, api_options());
    api_ = std::make_unique<apiserver::ApiServer>(*registry_, metrics_, log_, std::move(api));
    INSULA_CO_TRY(const std::string ca, read_file(pki_path(options_.layout, "ca.crt")));
    client_ = std::make_unique<client::InProcessClient>(*registry_);
    loops_ = std::make_unique<ControlLoops>(
        *client_, controller::Runtime{loop_.clock(), metrics_, log_},
        ControlLoops::Options{
            .ca_pem = ca,
            .gateway_url = options_.gateway_url,
            .kinds = &registry_->kinds(),
            .make_token =
                [this](const api::ServiceAccount& account, const api::Secret& secret) {
                  return token_issuer_->token_of_secret(account, secret);
                },
            .make_certificate =
                [this](const api::CertificateSigningRequestSpec& request) {
                  return sign_request(*clients_, request);
                }});
    INSULA_CO_TRY(auto tls, api_tls(options_.layout));
    INSULA_CO_TRY(std::string client_ca, client_authorities(options_.layout));
    server_ = std::make_unique<http::Server>(
        *api_, http::ServerOptions{.limits = {}, .tls = std::move(tls)});
    INSULA_CO_TRY_VOID(co_await apiserver::reconcile_policy(*registry_));
    INSULA_CO_TRY_VOID(co_await apiserver::reconcile_flow_objects(*registry_));
    INSULA_CO_TRY_VOID(co_await bootstrap(*client_));
    INSULA_CO_TRY_VOID(co_await apiserver::reconcile_namespaced_policy(*registry_));
    INSULA_CO_TRY_VOID(co_await ensure_authentication_config(*client_, std::move(client_ca)));
    INSULA_CO_TRY(const http::Origin origin, http::Origin::parse(options_.api_url));
    INSULA_CO_TRY_VOID(co_await ensure_api_service(*client_, origin.address));
    tasks_.spawn(keep_api_service(origin.address));
    tasks_.spawn(apiserver::keep_flow_objects(*registry_, log_));
    loops_->start();
    server_->serve(std::make_unique<net::Listener>(loop_, options_.listen_fd));
    co_return Result<>{};
  }

  Task<> stop() {
    tasks_.cancel();
    if (server_) co_await server_->drain(loop_.now() + kDrainTime);
    loops_.reset();
    client_.reset();
    if (store_) co_await store_->stop();
  }

 private:
  /// Makes it again when somebody has deleted it.
  Task<> keep_api_service(net::Address api) {
    for (;;) {
      co_await sleep_for(kApiServiceInterval);
      if (const auto kept = co_await ensure_api_service(*client_, api); !kept)
        log_.error("service kubernetes not kept", "err", kept.error());
    }
  }

  Result<apiserver::ApiServerOptions> api_options() {
    apiserver::ApiServerOptions api;
    const std::string_view full = version();
    const std::size_t plus = std::min(full.find('+'), full.size());
    api.version = full.substr(0, plus);
    api.git_commit = full.substr(std::min(plus + 1, full.size()));
    INSULA_TRY(api.node_socket, net::Address::unix_path(options_.layout.node_socket()));
    api.tokens = authority_;
    if (options_.oidc.enabled()) {
      INSULA_TRY(api.oidc, options_.oidc.options());
      INSULA_TRY(gateway::KeySource source, options_.oidc.key_source());
      oidc_keys_ =
          std::make_unique<OidcKeys>(std::move(source), options_.layout, loop_, metrics_, log_);
      api.oidc->keys = oidc_keys_.get();
    }
    if (audit_log_ != nullptr) {
      INSULA_TRY(apiserver::AuditPolicy policy, options_.audit.policy());
      api.audit = apiserver::AuditOptions{std::move(policy), audit_log_.get()};
    }
    api.not_ready = [this] { return loops_->not_ready(); };
    return api;
  }

  ControlOptions options_;
  Loop& loop_;
  Log log_;
  MetricsRegistry metrics_;
  MetricsRegistry::Registration process_metrics_;
  std::unique_ptr<store::Store> store_;
  std::optional<Authority> clients_;
  std::optional<apiserver::TokenAuthority> authority_;
  std::optional<apiserver::TokenIssuer> token_issuer_;
  std::unique_ptr<apiserver::AuditLog> audit_log_;
  std::unique_ptr<OidcKeys> oidc_keys_;
  std::unique_ptr<apiserver::Registry> registry_;
  std::unique_ptr<apiserver::ApiServer> api_;
  std::unique_ptr<client::InProcessClient> client_;
  std::unique_ptr<ControlLoops> loops_;
  std::unique_ptr<http::Server> server_;
  TaskGroup tasks_;
};

Task<> run_control(ControlOptions options, Loop& loop, Log log, int& exit_code) {
  StopSignals signals(loop);
  ControlPlane plane(std::move(options), loop, log);
  if (const auto started = co_await plane.start(); !started) {
    log.error("control not started", "err", started.error());
    exit_code = cli::kFailed;
    co_return;
  }
  log.info("serving", "version", version());
  notify_ready();
  co_await signals.wait();
  co_await plane.stop();
  log.info("stopped");
}

}  // namespace

int control(std::span<const std::string> arguments) {
  ControlOptions options{.layout = {cli::default_data_dir()},
                         .listen_fd = -1,
                         .api_url = {},
                         .gateway_url = {},
                         .audit = {},
                         .oidc = {},
                         .log = {}};
  cli::Options parser("control", "API server, controllers and scheduler; started by insula up.");
  parser.text("--data-dir", options.layout.root, "the platform's data directory")
      .number("--listen-fd", options.listen_fd, "inherited listening socket")
      .text("--api-url", options.api_url, "where clients reach the API server")
      .text("--gateway-url", options.gateway_url, "where clients reach the gateway");
  options.audit.declare(parser);
  options.oidc.declare(parser);
  options.log.declare(parser);
  if (const auto over = parser.parse(arguments)) return *over;
  const auto sink = open_log(options.log, system_clock());
  if (!sink) {
    fmt::print(stderr, "insula control: {}\n", sink.error().message());
    return cli::kFailed;
  }
  Loop loop;
  int exit_code = cli::kOk;
  run_until_complete(loop,
                     run_control(std::move(options), loop, Log(**sink, "control"), exit_code));
  return exit_code;
}

}  // namespace insula::server
