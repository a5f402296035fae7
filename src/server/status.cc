#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "base/version.h"
#include "cli/command.h"
#include "cli/location.h"
#include "cli/options.h"
#include "cli/output.h"
#include "json/value.h"
#include "json/write.h"
#include "node/run.h"
#include "server/commands.h"
#include "server/credentials.h"
#include "server/platform_state.h"
#include "server/shims.h"

namespace insula::server {
namespace {

constexpr std::chrono::seconds kStopWithin{60};
constexpr std::chrono::milliseconds kStopPoll{10};
constexpr std::chrono::milliseconds kContainerGrace{5000};

int failed(std::string_view command, const Error& error) {
  fmt::print(stderr, "insula {}: {}\n", command, error.message());
  return cli::kFailed;
}

json::Object status_json(const Layout& layout, const Result<PlatformState>& state) {
  json::Object root;
  root["ready"] = state && state->ready();
  root["version"] = state ? std::string_view(state->version) : version();
  root["apiServer"] = state ? state->api_server : "";
  root["kubeconfig"] = layout.kubeconfig();
  root["gateway"] = state ? state->gateway : "";
  root["dataDir"] = layout.root;
  json::Array processes;
  if (state) {
    for (const ProcessUse& use : process_use(layout, *state)) {
      processes.emplace_back(json::Object{{"name", use.name},
                                          {"pid", use.pid},
                                          {"pssBytes", use.pss_bytes},
                                          {"metrics", use.metrics}});
    }
  }
  root["processes"] = std::move(processes);
  return root;
}

void print_table(const Layout& layout, const PlatformState& state) {
  fmt::print("insula {}, {}, data in {}\n", state.version, state.ready() ? "ready" : "not ready",
             layout.root);
  fmt::print("API      {}   KUBECONFIG={}\ngateway  {}\n\n", state.api_server, state.kubeconfig,
             state.gateway);
  cli::Table table({"PROCESS", "PID", "MEMORY", "METRICS"});
  std::uint64_t total = 0;
  for (const ProcessUse& use : process_use(layout, state)) {
    table.row({use.name, use.pid == 0 ? "-" : std::to_string(use.pid),
               fmt::format("{:.1f}Mi", static_cast<double>(use.pss_bytes) / (1 << 20)),
               use.metrics});
    total += use.pss_bytes;
  }
  table.row({"all", "", fmt::format("{:.1f}Mi", static_cast<double>(total) / (1 << 20)), ""});
  fmt::print("{}", table.text());
}

Result<> stop_supervisor(const Layout& layout, pid_t pid) {
  if (::kill(pid, SIGTERM) != 0) return fail_errno(fmt::format("stop process {}", pid));
  const SteadyTime deadline = system_clock().now() + kStopWithin;
  while (lock_holder(layout) == pid) {
    if (system_clock().now() > deadline) {
      return fail(ErrorCode::kTimeout, fmt::format("process {} is still stopping", pid));
    }
    std::this_thread::sleep_for(kStopPoll);
  }
  return {};
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

int status(std::span<const std::string> arguments) {
  Layout layout{cli::default_data_dir()};
  std::string output = "table";
  cli::Options options("status",
                       "Tells whether the platform runs, where, and what its processes use.");
  options.text("--data-dir", layout.root, "where everything is kept")
      .choice("-o,--output", output, {"table", "json", "yaml"}, "form of the answer");
  if (const auto over = options.parse(arguments)) return *over;
  layout.root = cli::absolute_path(layout.root);
  const auto state = read_platform_state(layout);
  if (output != "table") {
    cli::print(status_json(layout, state), output);
  } else if (!state) {
    return failed("status", state.error());
  } else {
    print_table(layout, *state);
  }
  return state && state->ready() ? cli::kOk : cli::kFailed;
}

int env(std::span<const std::string> arguments) {
  Layout layout{cli::default_data_dir()};
  cli::Options options(
      "env", "Prints shell lines that point kubectl and curl here: eval \"$(insula env)\"");
  options.text("--data-dir", layout.root, "where everything is kept");
  if (const auto over = options.parse(arguments)) return *over;
  layout.root = cli::absolute_path(layout.root);
  const auto state = read_platform_state(layout);
  if (!state) return failed("env", state.error());
  if (const std::string folder = cli::program_folder(); !folder.empty()) {
    fmt::print("export PATH={}:\"$PATH\"\n", shell_quoted(folder));
  }
  fmt::print("export KUBECONFIG={}\n", shell_quoted(state->kubeconfig));
  fmt::print("export GATEWAY={}\n", shell_quoted(state->gateway));
  // For curl --cacert; an https gateway has a certificate of the platform's own authority.
  if (state->gateway.starts_with("https:"))
    fmt::print("export GATEWAY_CA={}\n", shell_quoted(pki_path(layout, "ca.crt")));
  fmt::print("export INSULA_DATA_DIR={}\n", shell_quoted(layout.root));
  return cli::kOk;
}

int down(std::span<const std::string> arguments) {
  Layout layout{cli::default_data_dir()};
  bool keep_pods = false;
  cli::Options options("down", "Stops the platform and its pods; data is kept.");
  options.text("--data-dir", layout.root, "where everything is kept")
      .toggle("--keep-pods", keep_pods, "let pods run on; the next insula up takes them over");
  if (const auto over = options.parse(arguments)) return *over;
  layout.root = cli::absolute_path(layout.root);
  const pid_t pid = lock_holder(layout);
  if (pid == 0 && is_locked(layout)) {
    return failed("down",
                  Error(ErrorCode::kUnavailable,
                        fmt::format("{} is locked by a process that cannot be told; try again",
                                    layout.root)));
  }
  if (pid != 0) {
    if (const auto stopped = stop_supervisor(layout, pid); !stopped)
      return failed("down", stopped.error());
  } else {
    fmt::print("not running on {}\n", layout.root);
  }
  // Also after a supervisor that was killed, whose pods ran on.
  if (keep_pods) return cli::kOk;
  stop_containers(layout, kContainerGrace);
  if (const auto released = node::release_pods(layout.node()); !released)
    return failed("down", released.error());
  if (const auto released = node::release_networks(layout.node()); !released)
    return failed("down", released.error());
  return cli::kOk;
}

}  // namespace insula::server
