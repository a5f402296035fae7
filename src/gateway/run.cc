#include "gateway/run.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/platform_objects.h"
#include "async/deadline.h"
#include "async/event.h"
#include "async/loop.h"
#include "async/ring.h"
#include "async/signals.h"
#include "async/task_group.h"
#include "base/random.h"
#include "client/http_client.h"
#include "client/kubeconfig.h"
#include "gateway/admin.h"
#include "gateway/certificate_files.h"
#include "gateway/gateway.h"
#include "gateway/issuer_keys.h"
#include "gateway/platform_watch.h"
#include "gateway/provider_addresses.h"
#include "gateway/redis_limit_store.h"
#include "gateway/resident.h"
#include "http/server.h"
#include "net/listener.h"

namespace insula::gateway {
namespace {

constexpr std::chrono::seconds kPersistInterval{1};
constexpr std::chrono::seconds kCertificateInterval{1};
constexpr std::string_view kComponent = "gateway";

/// Two descriptors for each client are soon more than the 1024 that a process usually begins with;
/// what it may raise that to is what the administrator meant.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Where it cannot be raised, fewer connections are accepted.
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

/// The sockets to accept from, opened here when the supervisor gave none.
Result<std::vector<Fd>> listening_sockets(const GatewayOptions& options) {
  std::vector<Fd> sockets;
  sockets.reserve(options.listener_fds.size() + options.listen.size());
  for (const int fd : options.listener_fds)
    sockets.emplace_back(fd);
  if (!sockets.empty()) return sockets;
  for (const std::string& text : options.listen) {
    INSULA_TRY(const net::Address address, net::Address::parse(text));
    INSULA_TRY(const int fd, net::listen_socket(address));
    sockets.emplace_back(fd);
  }
  return sockets;
}

/// The ports that these sockets are bound to.
api::GatewayEntrance entrance_of(const std::vector<Fd>& sockets, bool tls) {
  api::GatewayEntrance entrance{.ports = {}, .tls = tls};
  for (const Fd& socket : sockets) {
    const std::int32_t port = net::local_address(socket.get()).port();
    if (std::ranges::find(entrance.ports, port) == entrance.ports.end())
      entrance.ports.push_back(port);
  }
  return entrance;
}

Task<> wait_for(Event& event) {
  co_await event.wait();
}

Task<> wait_for_either(Event& one, Event& other) {
  co_await race(wait_for(one), wait_for(other));
}

Result<AddressPolicy> provider_policy(const GatewayOptions& options) {
  std::vector<net::Network> opened;
  for (const std::string& text : options.provider_networks) {
    INSULA_TRY(net::Network network, net::Network::parse(text));
    opened.push_back(network);
  }
  return AddressPolicy(std::move(opened));
}

/// Nothing to call when limits are this gateway's own.
Result<std::function<std::unique_ptr<LimitStore>()>> limit_store_of(const GatewayOptions& options) {
  if (options.limits_redis.url.empty()) return std::function<std::unique_ptr<LimitStore>()>();
  INSULA_TRY(const redis::ClientOptions redis, options.limits_redis.client_options());
  return [redis] { return std::make_unique<RedisLimitStore>(redis); };
}

/// The parts of the process beside the gateway itself, on the main thread's loop.
class Process {
 public:
  Process(GatewayOptions options, Loop& loop, Log log)
      : options_(std::move(options)),
        loop_(loop),
        log_(std::move(log)),
        process_metrics_(register_process_metrics(registry_)),
        certificate_(options_.tls_certificate, options_.tls_key, registry_, log_) {}

  Task<> run(int& status) {
    if (auto started = co_await start(); !started) {
      log_.error("gateway not started", "err", started.error());
      status = started.error().code() == ErrorCode::kInvalid ? 2 : 1;
      co_return;
    }
    tasks_.spawn(reopen_at_hangups());
    co_await stop_.wait();
    log_.info("gateway draining");
    tasks_.cancel();
    if (const auto drained = co_await gateway_->drain(loop_.now() + options_.drain_time);
        !drained) {
      log_.error("usage not written", "err", drained.error());
    }
    log_.info("gateway stopped");
    gateway_.reset();
    status = 0;
  }

 private:
  Task<Result<>> start() {
    INSULA_CO_TRY(const auto tls, certificate_.load());
    INSULA_CO_TRY(std::vector<Fd> sockets, listening_sockets(options_));
    INSULA_CO_TRY(auto limit_store, limit_store_of(options_));
    INSULA_CO_TRY(options_.io_engine, choose_engine());
    const GatewaySettings settings{
        .directory = directory(),
        .loops = options_.loops != 0 ? options_.loops : std::thread::hardware_concurrency(),
        .io_engine = options_.io_engine,
        .tls = tls,
        .body_bytes_max = options_.body_bytes_max,
        .timeouts = {},
        .access_log = options_.access_log,
        .tracing = options_.tracing,
        .limit_store = std::move(limit_store)};
    INSULA_CO_TRY(gateway_, Gateway::create(settings, loop_.clock(), registry_, log_));
    INSULA_CO_TRY(AddressPolicy policy, provider_policy(options_));
    providers_ =
        std::make_unique<ProviderAddresses>(loop_, resolver_, std::move(policy), registry_, log_);
    issuer_keys_ =
        std::make_unique<IssuerKeys>(IssuerKeysOptions{.directory = directory() / "issuer-keys"},
                                     loop_, system_random(), registry_, log_);
    INSULA_CO_TRY_VOID(start_admin());
    const bool routes_known = co_await apply_saved();
    for (const Fd& socket : sockets)
      INSULA_CO_TRY_VOID(gateway_->serve(socket.get()));
    tasks_.spawn(persist_forever());
    if (tls != nullptr) tasks_.spawn(follow_certificate());
    tasks_.spawn(apply_changes());
    if (routes_known || options_.kubeconfig.empty()) say_ready();
    if (options_.kubeconfig.empty()) co_return Result<>();
    INSULA_CO_TRY(const client::Kubeconfig config, client::load_kubeconfig(options_.kubeconfig));
    INSULA_CO_TRY(client_, client::HttpClient::make(config));
    // The issuer's name is the same for every cluster of this product, whatever its address.
    KeySource cluster_keys{
        .issuer = std::string(api::kServiceAccountIssuer),
        .jwks_uri = config.server + "/openid/v1/jwks",
        .ca = config.ca_pem.empty() ? std::nullopt : std::optional(config.ca_pem)};
    watch_ = std::make_unique<PlatformWatch>(*client_, registry_, saved_, std::move(cluster_keys),
                                             entrance_of(sockets, tls != nullptr), log_);
    saved_ = {};
    watch_->start();
    tasks_.spawn(follow_platform());
    co_return Result<>();
  }

  [[nodiscard]] std::filesystem::path directory() const { return options_.data_dir / "gateway"; }

  [[nodiscard]] std::filesystem::path snapshot_file() const {
    return directory() / "snapshot.json";
  }

  Result<> start_admin() {
    std::error_code failed;
    std::filesystem::create_directories(options_.data_dir / "run", failed);
    if (failed) return fail_errno("create " + (options_.data_dir / "run").string(), failed.value());
    INSULA_TRY(const net::Address socket,
               net::Address::unix_path((options_.data_dir / "gateway" / "admin.sock").string()));
    const mode_t before = ::umask(0177);
    auto listener = net::Listener::bind(loop_, socket);
    ::umask(before);
    INSULA_TRY(auto owner_listener, std::move(listener));
    owner_ = std::make_unique<Admin>(*gateway_, registry_, AdminAccess::kOwner);
    owner_server_ = std::make_unique<http::Server>(*owner_, http::ServerOptions{});
    owner_server_->serve(std::move(owner_listener));
    if (options_.metrics_address.empty()) return {};
    INSULA_TRY(const net::Address address, net::Address::parse(options_.metrics_address));
    INSULA_TRY(auto scraper_listener, net::Listener::bind(loop_, address));
    scraper_ = std::make_unique<Admin>(*gateway_, registry_, AdminAccess::kScraper);
    scraper_server_ = std::make_unique<http::Server>(*scraper_, http::ServerOptions{});
    scraper_server_->serve(std::move(scraper_listener));
    return {};
  }

  /// One that there is here. It may be missing for an old kernel, or a sandbox that does not allow
  /// it.
  [[nodiscard]] Result<IoEngine> choose_engine() const {
    if (options_.io_engine == IoEngine::kEpoll) return IoEngine::kEpoll;
    const auto probe = Ring::make(loop_.clock());
    if (probe) return IoEngine::kIoUring;
    if (options_.io_engine == IoEngine::kIoUring) {
      return fail(
          ErrorCode::kUnavailable,
          fmt::format("--io-engine io_uring: {}; use auto or epoll", probe.error().message()));
    }
    log_.info("no io_uring, so epoll", "why", probe.error());
    return IoEngine::kEpoll;
  }

  /// What was known when the last gateway stopped, so that this one serves without the API server.
  Task<bool> apply_saved() {
    auto saved = load_config(snapshot_file());
    if (!saved && saved.error().code() == ErrorCode::kNotFound) co_return false;
    if (saved) saved_ = *saved;
    auto applied = saved ? co_await apply(*saved) : Result<>(std::unexpected(saved.error()));
    if (!applied) {
      log_.warn("saved routes ignored", "err", applied.error());
      co_return false;
    }
    log_.info("saved routes applied", "tenants", saved->tenants.size());
    co_return true;
  }

  Task<Result<>> apply(GatewayConfig routes) {
    routes_ = std::move(routes);
    issuer_keys_->changed().reset();
    issuer_keys_->fill(routes_);
    providers_->changed().reset();
    providers_->fill(routes_);
    co_return co_await gateway_->apply(routes_);
  }

  Task<> follow_platform() {
    for (;;) {
      GatewayConfig config = co_await watch_->next();
      if (const auto saved = save_config(snapshot_file(), config); !saved) {
        log_.error("routes not saved", "err", saved.error());
      }
      routes_ = std::move(config);
      routes_changed_.set();
    }
  }

  /// One after the other, whatever it is that changed.
  Task<> apply_changes() {
    for (;;) {
      co_await race(wait_for(routes_changed_),
                    wait_for_either(issuer_keys_->changed(), providers_->changed()));
      routes_changed_.reset();
      if (const auto applied = co_await apply(routes_); !applied) {
        log_.error("routes not applied", "err", applied.error());
      }
      say_ready();
    }
  }

  Task<> reopen_at_hangups() {
    for (;;) {
      co_await hangups_.wait();
      gateway_->reopen_access_log();
    }
  }

  Task<> follow_certificate() {
    for (;;) {
      co_await sleep_for(kCertificateInterval);
      if (const auto changed = certificate_.look(); changed != nullptr) gateway_->use_tls(changed);
    }
  }

  Task<> persist_forever() {
    bool failing = false;
    for (;;) {
      co_await sleep_for(kPersistInterval);
      const auto persisted = co_await gateway_->persist();
      // Once, not every second: the disk may stay full for a while. Nothing is lost meanwhile.
      if (!persisted && !failing) log_.error("usage not written", "err", persisted.error());
      failing = !persisted;
    }
  }

  void say_ready() {
    if (std::exchange(said_ready_, true)) return;
    log_.info("gateway ready", "io",
              options_.io_engine == IoEngine::kIoUring ? "io_uring" : "epoll");
    release_startup_pages();
    if (options_.on_ready) options_.on_ready();
  }

  GatewayOptions options_;
  Loop& loop_;
  // Before anything that makes a thread (SystemResolver, Gateway), so that none gets the signals.
  StopSignals stop_{loop_};
  Signals hangups_{loop_, {SIGHUP}};
  Log log_;
  MetricsRegistry registry_;
  MetricsRegistry::Registration process_metrics_;
  CertificateFiles certificate_;
  bool said_ready_ = false;
  GatewayConfig saved_;  // until the platform is followed
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<IssuerKeys> issuer_keys_;
  SystemResolver resolver_;
  std::unique_ptr<ProviderAddresses> providers_;
  /// As last heard of, with the keys as they were when it was applied.
  GatewayConfig routes_;
  Event routes_changed_;
  std::unique_ptr<Admin> owner_;
  std::unique_ptr<Admin> scraper_;
  std::unique_ptr<client::HttpClient> client_;
  std::unique_ptr<PlatformWatch> watch_;
  std::unique_ptr<http::Server> owner_server_;
  std::unique_ptr<http::Server> scraper_server_;
  TaskGroup tasks_;
};

}  // namespace

int run(GatewayOptions options) {
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const auto stderr_sink = fd_log_sink(STDERR_FILENO, {}, system_clock());
  LogSink& sink = options.log == nullptr ? *stderr_sink : *options.log;
  Loop loop;
  int status = 1;
  Process process(std::move(options), loop, Log(sink, kComponent));
  run_until_complete(loop, process.run(status));
  return status;
}

}  // namespace insula::gateway
