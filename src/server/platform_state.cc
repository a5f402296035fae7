#include "server/platform_state.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include <fmt/format.h>

#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"
#include "server/shims.h"

namespace insula::server {
namespace {

std::uint64_t pss_bytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("Pss:")) continue;
    const auto digit = line.find_first_of("0123456789");
    std::uint64_t kib = 0;
    if (digit != std::string::npos)
      std::from_chars(line.data() + digit, line.data() + line.size(), kib);
    return kib * 1024;
  }
  return 0;
}

}  // namespace

bool PlatformState::ready() const {
  return !processes.empty() &&
         std::ranges::all_of(processes, [](const auto& p) { return p.ready && p.pid != 0; });
}

std::string PlatformState::metrics_of(const std::string& process) const {
  if (process == "control") return control_metrics;
  if (process == "node") return node_metrics;
  if (process == "gateway") return gateway_metrics;
  return "";
}

std::string to_json(const PlatformState& state) {
  json::Array processes;
  for (const auto& p : state.processes) {
    json::Object process;
    process["name"] = p.name;
    process["pid"] = p.pid;
    process["ready"] = p.ready;
    process["restarts"] = p.restarts;
    process["metrics"] = state.metrics_of(p.name);
    processes.emplace_back(std::move(process));
  }
  json::Object root;
  root["version"] = state.version;
  root["apiServer"] = state.api_server;
  root["gateway"] = state.gateway;
  root["kubeconfig"] = state.kubeconfig;
  root["dataDir"] = state.data_dir;
  root["processes"] = std::move(processes);
  return json::write_pretty(root) + "\n";
}

Result<PlatformState> parse_platform_state(std::string_view text) {
  INSULA_TRY(const json::Value root, json::parse(text));
  PlatformState state;
  state.version = root["version"].text();
  state.api_server = root["apiServer"].text();
  state.gateway = root["gateway"].text();
  state.kubeconfig = root["kubeconfig"].text();
  state.data_dir = root["dataDir"].text();
  const json::Array* processes = root["processes"].as_array();
  if (processes == nullptr) return fail(ErrorCode::kInvalid, "the state file has no processes");
  for (const json::Value& p : *processes) {
    Supervisor::Status status;
    status.name = p["name"].text();
    status.pid = static_cast<pid_t>(p["pid"].as_int64().value_or(0));
    status.ready = p["ready"].as_bool().value_or(false);
    status.restarts = static_cast<int>(p["restarts"].as_int64().value_or(0));
    const std::string metrics(p["metrics"].text());
    if (status.name == "control") state.control_metrics = metrics;
    if (status.name == "node") state.node_metrics = metrics;
    if (status.name == "gateway") state.gateway_metrics = metrics;
    state.processes.push_back(std::move(status));
  }
  return state;
}

Result<PlatformState> read_platform_state(const Layout& layout) {
  if (lock_holder(layout) == 0) {
    return fail(ErrorCode::kUnavailable, "not running on " + layout.root + ": insula up starts it");
  }
  auto text = read_file(layout.state());
  if (!text) return fail(ErrorCode::kUnavailable, "still starting on " + layout.root);
  return parse_platform_state(*text);
}

std::vector<ProcessUse> process_use(const Layout& layout, const PlatformState& state) {
  std::vector<ProcessUse> out;
  const pid_t supervisor = lock_holder(layout);
  out.push_back(
      {.name = "supervisor", .pid = supervisor, .pss_bytes = pss_bytes(supervisor), .metrics = ""});
  for (const auto& p : state.processes) {
    out.push_back({.name = p.name,
                   .pid = p.pid,
                   .pss_bytes = pss_bytes(p.pid),
                   .metrics = state.metrics_of(p.name)});
  }
  for (const Shim& shim : find_shims(layout)) {
    out.push_back(
        {.name = "shim", .pid = shim.pid, .pss_bytes = pss_bytes(shim.pid), .metrics = ""});
  }
  return out;
}

}  // namespace insula::server
