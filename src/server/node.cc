#include <fmt/format.h>

#include "cli/command.h"
#include "cli/location.h"
#include "cli/options.h"
#include "node/run.h"
#include "server/commands.h"
#include "server/credentials.h"
#include "server/data_dir.h"
#include "server/process_log.h"
#include "server/supervisor.h"

namespace insula::server {
namespace {

node::RuntimeChoice runtime_of(const std::string& name) {
  if (name == "runc") return node::RuntimeChoice::kRunc;
  if (name == "crun") return node::RuntimeChoice::kCrun;
  if (name == "process") return node::RuntimeChoice::kProcess;
  return node::RuntimeChoice::kAuto;
}

}  // namespace

int node(std::span<const std::string> arguments) {
  Layout layout{cli::default_data_dir()};
  node::NodeOptions node;
  LogOptions log;
  std::string runtime;
  std::optional<long> socket_group;
  cli::Options options("node", "The node agent; started by insula up.");
  options.text("--data-dir", layout.root, "the platform's data directory")
      .text("--node-name", node.node_name, "name of the Node object")
      .text("--api-address", node.api_address, "where the API server listens")
      .text("--cpu", node.cpu, "CPUs that pods may request")
      .text("--memory", node.memory, "memory that pods may request")
      .choice("--runtime", runtime, {"auto", "runc", "crun", "process"}, "how containers are run")
      .text("--pod-cidr", node.pod_cidr, "addresses for pods")
      .number("--simulate-gpus", node.simulate_gpus, "simulated GPUs")
      .text("--image-map", node.image_map_file, "file of image sources")
      .texts("--map-image", node.map_images, "one image source")
      .maybe_number("--socket-group", socket_group, "group that may use the agent's socket");
  log.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  node.data_dir = layout.node();
  node.kubeconfig = pki_path(layout, "node.kubeconfig");
  node.socket_path = layout.node_socket();
  node.runtime = runtime_of(runtime);
  if (socket_group) node.socket_group = static_cast<unsigned>(*socket_group);
  node.on_ready = notify_ready;
  const auto sink = open_log(log, system_clock());
  if (!sink) {
    fmt::print(stderr, "insula node: {}\n", sink.error().message());
    return cli::kFailed;
  }
  node.log = Log(**sink, "node");
  return node::run(node);
}

}  // namespace insula::server
