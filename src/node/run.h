#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "telemetry/log.h"

namespace insula::node {

/// How containers are run. kAuto takes the best that works here: runc, crun, then process.
enum class RuntimeChoice : std::uint8_t { kAuto, kRunc, kCrun, kProcess };

/// Everything that can be set about the node agent.
struct NodeOptions {
  /// The agent's own directory (pods, images, logs). Every parent must be searchable by others, or
  /// user namespaces cannot reach the root file systems in it.
  std::string data_dir;
  /// Credentials of `system:node:<name>`.
  std::string kubeconfig;
  /// Where the API server listens, for the pods' clients; empty: not told to pods.
  std::string api_address;
  /// Where `control` reaches logs, exec and metrics.
  std::string socket_path;
  /// The group that may connect to it beside the agent's own user: `control` is another user. The
  /// socket then has mode 0660 and this group.
  std::optional<unsigned> socket_group = {};
  /// This binary, for shims and the built-in image. Empty: /proc/self/exe.
  std::string binary;
  /// Empty: the host name in lower case.
  std::string node_name;
  /// Quantities, e.g. "8" and "64Gi". Empty: what the machine has.
  std::string cpu;
  std::string memory;
  int max_pods = 250;
  /// Above 0: that many GPUs are simulated and marked as such; real ones are then ignored.
  int simulate_gpus = 0;

  RuntimeChoice runtime = RuntimeChoice::kAuto;
  /// IPv4, between /8 and /28. Used where pods get network namespaces.
  std::string pod_cidr = "10.244.0.0/16";

  /// A file of `image name = source` lines, and further such lines. See image_map.h.
  std::string image_map_file;
  std::vector<std::string> map_images;

  /// Also how often a container is tried again whose ConfigMap or Secret is missing.
  std::chrono::milliseconds restart_backoff_initial = std::chrono::seconds(10);
  std::chrono::milliseconds restart_backoff_max = std::chrono::minutes(5);
  /// How often the files of ConfigMap, Secret and downward API volumes are looked at again.
  std::chrono::milliseconds volume_refresh = std::chrono::minutes(1);
  std::int64_t log_bytes_max = 10L * 1024 * 1024;  // a container's log is rotated at this size
  int log_files_max = 5;                           // that many are kept, the current one included

  /// Where the agent's log goes; nowhere by default.
  Log log = {};
  /// Called once, when the Node object is written and pods are accepted.
  std::function<void()> on_ready = {};
};

/// The node process: serves until SIGTERM or SIGINT, then returns. Pods run on and are found again
/// by the next run over the same data_dir. Returns the exit status; what went wrong is logged.
int run(const NodeOptions& options);

/// Takes down the interfaces and namespaces of pods in `data_dir`, whose pods have all stopped and
/// whose agent does not run. The next run makes them anew.
Result<> release_networks(const std::string& data_dir);

/// Gives back what ended containers and volumes of pods in `data_dir` hold of the machine: mounts,
/// control groups and the OCI runtime's state. Logs and exit records stay for the next run, the
/// content of volumes in memory does not.
/// `binary`: as NodeOptions::binary. Requires: as release_networks().
Result<> release_pods(const std::string& data_dir, const std::string& binary = "/proc/self/exe");

/// `insula shim ...`: owns one container's output and exit status. Called before anything else of
/// the binary starts up, since there is one such process for every container.
int shim_main(int argc, char** argv);

}  // namespace insula::node
