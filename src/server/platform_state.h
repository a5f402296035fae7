#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/error.h"
#include "server/data_dir.h"
#include "server/supervisor.h"

namespace insula::server {

/// What the supervisor writes down about the running platform, for `insula status` and `insula
/// env`.
struct PlatformState {
  std::string version;
  std::string api_server;  // https://127.0.0.1:6443
  std::string gateway;     // http://127.0.0.1:8080
  std::string kubeconfig;
  std::string data_dir;
  /// URL of each process's metrics, in the order of the processes; empty: it serves none.
  std::string control_metrics;
  std::string node_metrics;
  std::string gateway_metrics;
  std::vector<Supervisor::Status> processes;

  [[nodiscard]] bool ready() const;
  [[nodiscard]] std::string metrics_of(const std::string& process) const;
};

[[nodiscard]] std::string to_json(const PlatformState& state);
[[nodiscard]] Result<PlatformState> parse_platform_state(std::string_view text);

/// The state of the platform that runs over this data directory.
/// Errors: kUnavailable when none runs.
[[nodiscard]] Result<PlatformState> read_platform_state(const Layout& layout);

/// A process of the platform and what it costs.
struct ProcessUse {
  std::string name;
  pid_t pid = 0;
  std::uint64_t pss_bytes = 0;  // proportional set size: shared pages are divided among sharers
  std::string metrics;
};

/// The supervisor, its children and the shims of its pods; not the pods themselves.
[[nodiscard]] std::vector<ProcessUse> process_use(const Layout& layout, const PlatformState& state);

}  // namespace insula::server
