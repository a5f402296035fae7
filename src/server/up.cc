#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/time.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/location.h"
#include "cli/options.h"
#include "json/parse.h"
#include "server/commands.h"
#include "server/demo.h"
#include "server/platform.h"
#include "server/process_log.h"
#include "server/up_check.h"

namespace insula::server {
namespace {

/// Three processes on an empty directory are ready in well under a second; this is for machines
/// that swap.
constexpr std::chrono::seconds kReadyWithin{60};

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  std::string lower(name.data());
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

void declare(cli::Options& options, UpOptions& up) {
  up.audit.declare(options);
  up.oidc.declare(options);
  options.text("--data-dir", up.data_dir, "where everything is kept")
      .toggle("--detach", up.detach, "run in the background; returns when ready")
      .toggle("--demo", up.demo, "make the tenants demo-a and demo-b, with simulated models")
      .text("--api-address", up.api_address, "where the Kubernetes API listens (HTTPS)")
      .text("--gateway-address", up.gateway_address, "where the gateway listens")
      .text("--gateway-metrics-address", up.gateway_metrics_address,
            "where the gateway's metrics are read")
      .toggle("--gateway-tls", up.gateway_tls,
              "serve the gateway over HTTPS, with a certificate of our authority")
      .texts("--provider-network", up.provider_networks,
             "network in which model providers may be, such as 10.0.0.0/8: by default only the "
             "internet, and there over HTTPS")
      .text("--gateway-access-log", up.gateway_access_log,
            "keep an access log of the gateway in this file; - for standard output")
      .text("--gateway-access-log-size", up.gateway_access_log_size,
            "that the file and the older ones beside it may have together")
      .text("--gateway-otlp-endpoint", up.gateway_otlp_endpoint,
            "export the gateway's traces to this collector, such as http://127.0.0.1:4318")
      .text("--gateway-trace-ratio", up.gateway_trace_ratio,
            "part of the traces begun at the gateway that is exported, 0 to 1")
      .text("--gateway-io-engine", up.gateway_io_engine,
            "how the gateway reads and writes its connections: io_uring or epoll; auto: io_uring "
            "where kernel and sandbox allow it")
      .text("--limits-redis", up.limits_redis.url,
            "share limits and budgets with other gateways through this Redis or Valkey, such as "
            "rediss://limits.example:6379; by default they are this gateway's own")
      .text("--limits-redis-password-file", up.limits_redis.password_file, "file with its password")
      .text("--limits-redis-ca", up.limits_redis.ca_file,
            "file with who signed its certificate; by default whom the machine trusts")
      .text("--node-name", up.node_name, "name of the node; the host name by default")
      .text("--node-cpu", up.node_cpu,
            "CPUs that pods may request, such as 8; what the machine has by default")
      .text("--node-memory", up.node_memory, "memory that pods may request, such as 64Gi")
      .number("--simulate-gpus", up.simulate_gpus,
              "offer this many simulated GPUs in place of real ones")
      .choice("--runtime", up.runtime, {"auto", "runc", "crun", "process"},
              "how containers are run")
      .text("--pod-cidr", up.pod_cidr, "addresses for pods")
      .text("--image-map", up.image_map_file,
            "file of lines: IMAGE = builtin:llm-sim | host:/program ... | image:NAME")
      .texts("--map-image", up.map_images, "one such line")
      .choice("--log-level", up.log_level, {"debug", "info", "warn", "error"},
              "least level that is logged")
      .choice("--log-format", up.log_format, {"text", "json"}, "form of a log line");
}

// A start that fails twice in the same way is not a matter of chance.
constexpr int kFailedStartsMax = 2;

/// Where the start is reported: the terminal, or the process that waits for us to be ready.
class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual void failed(const Error& error) = 0;
  virtual void ready(const PlatformState& state) = 0;
};

/// What a process says before its log is open, or in its last breath, goes beside the logs.
void keep_stderr(const Layout& layout) {
  const Fd file(::open((layout.logs() + "/stderr.log").c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file) ::dup2(file.get(), STDERR_FILENO);
}

/// The end of a file, a line at a time from the last one on.
std::vector<std::string> last_lines(const std::string& path) {
  constexpr std::streamoff kTailBytes = 64 << 10;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  file.seekg(std::max<std::streamoff>(0, file.tellg() - kTailBytes));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  std::ranges::reverse(lines);
  return lines;
}

/// What the last error in a process's log says, of those written since (`2026-01-31T12:00:00`).
std::string last_error(const std::string& log, std::string_view since) {
  for (const std::string& line : last_lines(log)) {
    if (const auto object = json::parse(line); object && object->is_object()) {
      if ((*object)["time"].text() < since) return "";
      if ((*object)["level"].text() == "error")
        return std::string((*object)["err"].text((*object)["message"].text()));
      continue;
    }
    if (line < since) return "";
    if (line.find(" error ") == std::string::npos) continue;
    constexpr std::string_view kKey = " err=";
    const std::size_t at = line.rfind(kKey);
    if (at == std::string::npos) return line;
    const std::string value = line.substr(at + kKey.size());
    const auto text = json::parse(value);
    return text && text->is_string() ? std::string(text->text()) : value;
  }
  return "";
}

/// The supervisor's error with, in the background, the last words of the process that did not
/// start; on a terminal they have been seen already.
Error why_ended(const UpOptions& options,
                const Layout& layout,
                const Supervisor& supervisor,
                std::string_view since,
                const Error& error) {
  const std::string& process = supervisor.failed_child();
  if (process.empty() || !options.detach) return error;
  std::string words = last_error(fmt::format("{0}/{1}/{1}.log", layout.logs(), process), since);
  if (words.empty()) {
    const auto said = last_lines(layout.logs() + "/stderr.log");
    words = said.empty() ? layout.logs() + " may tell why" : said.front();
  }
  return {error.code(), fmt::format("{}: {}", error.message(), words)};
}

int run_platform(const UpOptions& options, Reporter& reporter) {
  auto platform = prepare(options, system_clock());
  if (!platform) {
    reporter.failed(platform.error());
    return cli::kFailed;
  }
  const std::string log_file = options.detach ? platform->layout.logs() + "/supervisor.log" : "";
  auto sink = open_log({.level = options.log_level, .format = options.log_format, .file = log_file},
                       system_clock());
  if (!sink) {
    reporter.failed(sink.error());
    return cli::kFailed;
  }
  if (options.detach) keep_stderr(platform->layout);
  const Log log(**sink, "supervisor");
  const Fd executable(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const Layout layout = platform->layout;
  const std::string since = api::Time::from(system_clock().wall()).text().substr(0, 19);
  PlatformState state = platform->state;
  bool announced = false;
  bool state_kept = true;
  Supervisor::Options supervised;
  supervised.executable_fd = executable.get();
  supervised.executable_name = "insula";
  supervised.failed_starts_max = kFailedStartsMax;
  supervised.ignore_hangup = options.detach;
  supervised.on_change = [&](const std::vector<Supervisor::Status>& processes) {
    state.processes = processes;
    const auto written = write_file(layout.state(), to_json(state), 0644);
    if (!written && state_kept) log.warn("state not written", "err", written.error());
    state_kept = written.has_value();
    if (!announced && state.ready()) {
      announced = true;
      log.info("ready", "api", state.api_server, "gateway", state.gateway);
      reporter.ready(state);
    }
    return state_kept;
  };
  log.info("starting", "version", version(), "data_dir", layout.root, "separate_users",
           platform->accounts.separate());
  Supervisor supervisor(std::move(platform->processes), std::move(supervised), log, system_clock());
  const auto ended = supervisor.run();
  ::unlink(layout.state().c_str());
  if (ended) return cli::kOk;
  log.error("supervisor ended", "err", ended.error());
  reporter.failed(why_ended(options, layout, supervisor, since, ended.error()));
  return cli::kFailed;
}

class TerminalReporter final : public Reporter {
 public:
  explicit TerminalReporter(const UpOptions& options) : options_(options) {}

  void failed(const Error& error) override {
    fmt::print(stderr, "insula up: {}\n", error.message());
  }

  void ready(const PlatformState& state) override {
    print_ready(state);
    if (!options_.demo) return;
    // Beside the supervisor, whose children it must not hold up.
    const pid_t pid = ::fork();
    if (pid < 0)
      fmt::print(stderr, "insula up: no demo tenants: {}\n", fail_errno("fork").error().message());
    if (pid == 0) {
      sigset_t none;
      sigemptyset(&none);
      ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
      const int code = make_demo(state);
      ::fflush(nullptr);
      ::_exit(code);
    }
  }

 private:
  const UpOptions& options_;
};

/// In the background process: one message on the pipe, `R` or `E` and the reason.
class PipeReporter final : public Reporter {
 public:
  explicit PipeReporter(Fd pipe) : pipe_(std::move(pipe)) {}

  void failed(const Error& error) override { say("E" + error.message()); }

  void ready(const PlatformState& /*state*/) override { say("R"); }

 private:
  void say(const std::string& text) {
    [[maybe_unused]] const auto written = ::write(pipe_.get(), text.data(), text.size());
    pipe_.close();
  }

  Fd pipe_;
};

[[noreturn]] void run_in_background(const UpOptions& options, Fd report) {
  ::setsid();
  const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(nothing.get(), fd);
  PipeReporter reporter(std::move(report));
  ::_exit(run_platform(options, reporter));
}

/// SIGINT, SIGTERM and SIGHUP, blocked while this lives and read from a descriptor. A child that is
/// forked meanwhile inherits them blocked: none is lost before it takes them itself.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
      sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
    fd_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }

  /// The signal that came; 0 when none has.
  [[nodiscard]] int take() const {
    signalfd_siginfo info{};
    return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                                : 0;
  }

 private:
  sigset_t before_{};
  Fd fd_;
};

/// Stops the background process, whose start nobody waits for any more, and ends as the signal
/// asks.
[[noreturn]] void end_interrupted(pid_t background, int signal) {
  fmt::print(stderr, "insula up: interrupted; stopping what was started\n");
  ::kill(background, SIGTERM);
  ::waitpid(background, nullptr, 0);
  ::_exit(128 + signal);
}

/// What the background process said; nullopt when it said nothing in time.
std::optional<std::string> wait_for_report(const Fd& pipe,
                                           const HeldSignals& signals,
                                           pid_t background) {
  std::string text;
  std::array<char, 4096> buffer{};
  const SteadyTime deadline = system_clock().now() + kReadyWithin;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - system_clock().now());
    if (left.count() <= 0) return std::nullopt;
    std::array<pollfd, 2> polled{{{.fd = pipe.get(), .events = POLLIN, .revents = 0},
                                  {.fd = signals.fd(), .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) <= 0) continue;
    if (const int signal = signals.take(); signal != 0) end_interrupted(background, signal);
    if (polled[0].revents == 0) continue;
    const ssize_t size = ::read(pipe.get(), buffer.data(), buffer.size());
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

std::string waiting_for(const PlatformState& state) {
  std::string names;
  for (const auto& p : state.processes) {
    if (!p.ready) names += (names.empty() ? "" : ", ") + p.name;
  }
  return names;
}

int up_detached(const UpOptions& options) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    fmt::print(stderr, "insula up: {}\n", fail_errno("create pipe").error().message());
    return cli::kFailed;
  }
  Fd reading(ends[0]);
  Fd writing(ends[1]);
  std::optional<HeldSignals> signals(std::in_place);
  const pid_t pid = ::fork();
  if (pid < 0) {
    fmt::print(stderr, "insula up: {}\n", fail_errno("fork").error().message());
    return cli::kFailed;
  }
  if (pid == 0) {
    reading.close();
    run_in_background(options, std::move(writing));
  }
  writing.close();
  const auto report = wait_for_report(reading, *signals, pid);
  signals.reset();
  const Layout layout{options.data_dir};
  if (report && report->starts_with("E")) {
    fmt::print(stderr, "insula up: {}\n", report->substr(1));
    return cli::kFailed;
  }
  const auto state = read_platform_state(layout);
  if (!report || *report != "R" || !state) {
    fmt::print(stderr, "insula up: {} did not become ready in {} s; {} tells why\n",
               state ? waiting_for(*state) : "the supervisor", kReadyWithin.count(), layout.logs());
    ::kill(pid, SIGTERM);
    return cli::kFailed;
  }
  print_ready(*state);
  return options.demo ? make_demo(*state) : cli::kOk;
}

}  // namespace

int up(std::span<const std::string> arguments) {
  UpOptions options;
  options.data_dir = cli::default_data_dir();
  cli::Options parser("up",
                      "Starts the platform: Kubernetes API, node and gateway of this machine.");
  declare(parser, options);
  if (const auto over = parser.parse(arguments)) return *over;
  if (options.node_name.empty()) options.node_name = host_name();
  if (options.demo && options.simulate_gpus == 0) options.simulate_gpus = kDemoGpus;
  options.data_dir = cli::absolute_path(options.data_dir);
  if (const auto checked = check_options(options); !checked) {
    fmt::print(stderr, "insula up: {}\n", checked.error().message());
    return cli::kUsage;
  }
  if (options.detach) return up_detached(options);
  TerminalReporter reporter(options);
  return run_platform(options, reporter);
}

}  // namespace insula::server
