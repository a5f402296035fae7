#include "node/run.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "async/blocking_pool.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "base/random.h"
#include "client/http_client.h"
#include "controller/event_recorder.h"
#include "gpu/device.h"
#include "http/server.h"
#include "net/listener.h"
#include "node/agent.h"
#include "node/files.h"
#include "node/node_reporter.h"
#include "node/pod_network.h"
#include "node/pod_server.h"
#include "node/probe.h"
#include "node/runtime_choice.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::node {
namespace {

constexpr unsigned kBlockingThreads = 2;
constexpr auto kRegisterAgain = std::chrono::milliseconds(200);
// Addresses for pods that have no network namespace.
constexpr std::string_view kLoopbackPods = "127.128.0.0/9";

// Everything one node process consists of, in the order in which it is built.
class NodeProcess {
 public:
  NodeProcess(const NodeOptions& options, client::Client& client, Log log)
      : options_(options), client_(client), log_(std::move(log)) {}

  // Errors: what prevents a start; the message is for the operator.
  Task<Result<>> start() {
    INSULA_CO_TRY_VOID(make_dirs(options_.data_dir, 0711));
    for (const std::string& folder :
         {options_.data_dir + "/pods", network_folder(options_.data_dir)})
      INSULA_CO_TRY_VOID(make_dirs(folder, 0711));
    INSULA_CO_TRY_VOID(make_dirs(options_.data_dir + "/images", 0700));
    if (!options_.image_map_file.empty())
      INSULA_CO_TRY_VOID(images_.add_file(options_.image_map_file));
    for (const std::string& line : options_.map_images) {
      if (Result<> added = images_.add(line); !added)
        co_return std::unexpected(std::move(added).error().in("--map-image " + line));
    }
    INSULA_CO_TRY(NodeFacts facts, measure_node(options_));
    INSULA_CO_TRY(runtime_, co_await choose_runtime(options_, pool_, log_));
    facts.runtime_version = runtime_->version();
    facts.isolation = runtime_->isolation();
    choose_gpus(facts);
    INSULA_CO_TRY(const Ipv4Range range,
                  parse_ipv4_range(facts.isolation.namespaces ? options_.pod_cidr : kLoopbackPods));
    ips_.emplace(range, system_random());
    gpus_.emplace(*driver_);
    events_.start();
    services_.emplace(NodeServices{options_, client_, *runtime_, resolver_, *ips_, *gpus_, events_,
                                   pool_, http_, log_, facts.address, facts.cpu, facts.memory});
    agent_.emplace(*services_, facts.name);
    server_handler_.emplace(*services_, *agent_, metrics_, facts.name, system_random());
    reporter_.emplace(client_, facts, options_.data_dir, log_);
    register_metrics();
    INSULA_CO_TRY_VOID(listen());
    log_.info("node started", "node", facts.name, "runtime", facts.runtime_version, "isolated",
              facts.isolation.namespaces);
    tasks_.spawn(join(facts.name));
    co_return Result<>{};
  }

 private:
  void choose_gpus(NodeFacts& facts) {
    if (options_.simulate_gpus > 0) {
      gpu::SimulationOptions simulation;
      simulation.count = options_.simulate_gpus;
      simulation.seed = facts.name;
      driver_ = gpu::simulated_driver(simulation, Loop::current().clock());
    } else if (auto real = gpu::nvml_driver(); real) {
      driver_ = *std::move(real);
    } else {
      driver_ = gpu::simulated_driver({}, Loop::current().clock());
    }
    facts.gpus = driver_->devices();
  }

  Result<> listen() {
    if (options_.socket_path.empty()) return {};
    INSULA_TRY(const net::Address address, net::Address::unix_path(options_.socket_path));
    INSULA_TRY(auto listener, net::Listener::bind(Loop::current(), address));
    if (options_.socket_group &&
        chown(options_.socket_path.c_str(), static_cast<uid_t>(-1), *options_.socket_group) != 0) {
      return fail_errno("chown " + options_.socket_path);
    }
    if (chmod(options_.socket_path.c_str(), 0660) != 0)
      return fail_errno("chmod " + options_.socket_path);
    server_.emplace(*server_handler_, http::ServerOptions{});
    server_->serve(std::move(listener));
    return {};
  }

  // The API may start after us, or be away for a while: pods run meanwhile.
  Task<> join(std::string name) {
    agent_->start();
    while (true) {
      const Result<> registered = co_await reporter_->register_node();
      if (registered) break;
      log_.debug("node not registered yet", "node", name, "err", registered.error());
      co_await sleep_for(kRegisterAgain);
    }
    reporter_->start();
    co_await agent_->synced().wait();
    log_.info("node ready", "node", name, "pods", agent_->workers().size());
    if (options_.on_ready) options_.on_ready();
  }

  void register_metrics() {
    process_metrics_ = register_process_metrics(metrics_);
    pod_metrics_ = metrics_.on_collect([this](Exposition& out) {
      std::array<double, static_cast<std::size_t>(PodStage::kGone) + 1> counts{};
      for (const auto& [uid, worker] : agent_->workers())
        counts[static_cast<std::size_t>(worker->stage())] += 1;
      out.family(
          "insula_node_pods",
          "Pods of this node by the stage of their worker; look at `stopping` when it stays up.",
          "gauge");
      for (std::size_t i = 0; i < counts.size(); ++i) {
        out.sample("insula_node_pods", {{"stage", std::string(name_of(static_cast<PodStage>(i)))}},
                   counts[i]);
      }
      out.family("insula_node_pod_addresses_in_use",
                 "Addresses given to pods; new pods wait when the range is used up.", "gauge");
      out.sample("insula_node_pod_addresses_in_use", {}, static_cast<double>(ips_->in_use()));
    });
  }

  const NodeOptions& options_;
  client::Client& client_;
  Log log_;
  MetricsRegistry metrics_;
  BlockingPool pool_{kBlockingThreads};
  http::Client http_{probe_client_options()};
  ImageMap images_;
  ImageStore store_{options_.data_dir + "/images"};
  ImageResolver resolver_{images_, store_};
  controller::Runtime controllers_{system_clock(), metrics_, log_};
  controller::EventRecorder events_{client_, controllers_, "kubelet"};
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<gpu::Driver> driver_;
  std::optional<IpPool> ips_;
  std::optional<GpuAllocator> gpus_;
  std::optional<NodeServices> services_;
  std::optional<Agent> agent_;
  std::optional<PodServer> server_handler_;
  std::optional<NodeReporter> reporter_;
  MetricsRegistry::Registration process_metrics_;
  MetricsRegistry::Registration pod_metrics_;
  std::optional<http::Server> server_;
  TaskGroup tasks_;
};

Result<Fd> block_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT})
    sigaddset(&set, number);
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("block signals");
  Fd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return fail_errno("watch for signals");
  return fd;
}

Task<> serve(
    const NodeOptions& options, client::Client& client, int signals, Log log, int& status) {
  NodeProcess process(options, client, log);
  const Result<> started = co_await process.start();
  if (!started) {
    log.error("node cannot start", "err", started.error());
    status = 1;
    co_return;
  }
  co_await process_ended(signals);
  log.info("node stopped; its pods run on");
}

}  // namespace

int run(const NodeOptions& given) {
  NodeOptions options = given;
  if (options.binary.empty()) options.binary = "/proc/self/exe";
  const Log& log = options.log;
  std::signal(SIGPIPE, SIG_IGN);
  Result<Fd> signals = block_stop_signals();
  Result<client::Kubeconfig> config = client::load_kubeconfig(options.kubeconfig);
  if (!signals || !config) {
    log.error("node cannot start", "err", signals ? config.error() : signals.error());
    return 1;
  }
  Loop loop;
  client::HttpClientOptions client_options;
  client_options.user_agent = "insula-node";
  auto client = client::HttpClient::make(*config, std::move(client_options));
  if (!client) {
    log.error("node cannot start", "err", client.error());
    return 1;
  }
  int status = 0;
  run_until_complete(loop, serve(options, **client, signals->get(), log, status));
  return status;
}

}  // namespace insula::node
