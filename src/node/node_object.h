#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/gen/core_v1.h"
#include "base/error.h"
#include "gpu/device.h"
#include "node/run.h"
#include "node/runtime.h"

namespace insula::node {

/// What is to be told about this machine.
struct NodeFacts {
  std::string name;
  std::string address;
  api::Quantity cpu;
  api::Quantity memory;
  std::int64_t ephemeral_storage_bytes = 0;
  int pods_max = 0;
  std::vector<gpu::Device> gpus;
  std::string runtime_version;
  Isolation isolation;
  bool memory_pressure = false;
  bool pid_pressure = false;
  bool disk_pressure = false;
};

/// Labels of simulated GPUs and the resource that GPUs are counted in.
inline constexpr const char* kGpuResource = "nvidia.com/gpu";
inline constexpr const char* kSimulatedGpuLabel = "insula.dev/gpu-simulated";

/// Measures the machine, with the options' figures instead where given.
/// Errors: kInvalid, naming the option that is no quantity.
[[nodiscard]] Result<NodeFacts> measure_node(const NodeOptions& options);

/// Free memory, process ids and disk, for the pressure conditions; true below their floor.
[[nodiscard]] bool memory_is_short();
[[nodiscard]] bool pids_are_short(const std::string& proc = "/proc");
[[nodiscard]] bool disk_is_short(const std::string& dir);

/// Name, labels and annotations of the Node object.
[[nodiscard]] api::Node node_object(const NodeFacts& facts);

/// Its status; transition times of `before` are kept where the value is the same, and so are
/// conditions of other reporters.
[[nodiscard]] api::NodeStatus node_status(const NodeFacts& facts,
                                          const api::NodeStatus& before,
                                          api::Time now);

}  // namespace insula::node
