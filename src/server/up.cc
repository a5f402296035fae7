#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/version.h"
#include "cli/command.h"
#include "cli/location.h"
#include "cli/options.h"
#include "server/commands.h"
#include "server/demo.h"
#include "server/platform.h"
#include "server/process_log.h"

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
  options.text("--data-dir", up.data_dir, "where everything is kept")
      .toggle("--detach", up.detach, "run in the background; returns when ready")
      .toggle("--demo", up.demo, "make the tenants demo-a and demo-b, with simulated models")
      .text("--api-address", up.api_address, "where the Kubernetes API listens (HTTPS)")
      .text("--gateway-address", up.gateway_address, "where the gateway listens")
      .text("--gateway-metrics-address", up.gateway_metrics_address,
            "where the gateway's metrics are read")
      .toggle("--gateway-tls", up.gateway_tls,
              "serve the gateway over HTTPS, with a certificate of our authority")
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

/// A process that ended so often before the platform was ever ready will not get better.
constexpr int kFirstStartsMax = 5;
constexpr std::streamoff kLastLineMax = 4096;

const Supervisor::Status* hopeless(const std::vector<Supervisor::Status>& processes) {
  const auto found = std::ranges::find_if(processes, [](const Supervisor::Status& process) {
    return process.pid == 0 && process.restarts + 1 >= kFirstStartsMax;
  });
  return found == processes.end() ? nullptr : &*found;
}

/// The last line of a log, which is what a process says that cannot start.
std::string last_line(const std::string& path) {
  std::ifstream file(path, std::ios::ate);
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kLastLineMax));
  std::string last;
  for (std::string line; std::getline(file, line);)
    last = std::move(line);
  return last;
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
  PlatformState state = platform->state;
  bool announced = false;
  Supervisor::Options supervised;
  supervised.executable_fd = executable.get();
  supervised.executable_name = "insula";
  supervised.on_change = [&](const std::vector<Supervisor::Status>& processes) {
    state.processes = processes;
    if (const auto written = write_file(layout.state(), to_json(state), 0644); !written) {
      log.warn("state not written", "err", written.error());
    }
    if (!announced && state.ready()) {
      announced = true;
      log.info("ready", "api", state.api_server, "gateway", state.gateway);
      reporter.ready(state);
    }
    // On a terminal the processes' own logs are there to see.
    const Supervisor::Status* lost = announced || !options.detach ? nullptr : hopeless(processes);
    if (lost != nullptr) {
      announced = true;
      const std::string file = fmt::format("{0}/{1}/{1}.log", layout.logs(), lost->name);
      reporter.failed(
          fail(ErrorCode::kUnavailable, fmt::format("{} ended {} times: {} ({})", lost->name,
                                                    kFirstStartsMax, last_line(file), file))
              .error());
      ::kill(::getpid(), SIGTERM);
    }
  };
  log.info("starting", "version", version(), "data_dir", layout.root, "separate_users",
           platform->accounts.separate());
  Supervisor supervisor(std::move(platform->processes), std::move(supervised), log, system_clock());
  const auto ended = supervisor.run();
  ::unlink(layout.state().c_str());
  if (ended) return cli::kOk;
  log.error("supervisor ended", "err", ended.error());
  reporter.failed(ended.error());
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
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
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

/// What the background process said; nullopt when it said nothing in time.
std::optional<std::string> wait_for_report(const Fd& pipe) {
  std::string text;
  std::array<char, 4096> buffer{};
  const SteadyTime deadline = system_clock().now() + kReadyWithin;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - system_clock().now());
    if (left.count() <= 0) return std::nullopt;
    pollfd polled{.fd = pipe.get(), .events = POLLIN, .revents = 0};
    if (::poll(&polled, 1, static_cast<int>(left.count())) <= 0) continue;
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
  const auto report = wait_for_report(reading);
  const Layout layout{options.data_dir};
  if (report && report->starts_with("E")) {
    fmt::print(stderr, "insula up: {}\n", report->substr(1));
    // It may have started processes, which end with it.
    ::waitpid(pid, nullptr, 0);
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
  if (options.detach) return up_detached(options);
  TerminalReporter reporter(options);
  return run_platform(options, reporter);
}

}  // namespace insula::server
