#include "node/node_object.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/version.h"
#include "node/files.h"

namespace insula::node {
namespace {

constexpr std::int64_t kMemoryFloorBytes = 100L << 20U;
constexpr double kDiskFloorShare = 0.03;
constexpr double kPidFloorShare = 0.05;
// The Kubernetes release whose behaviour is followed.
constexpr std::string_view kKubernetesVersion = "v1.36.0";

std::int64_t meminfo_bytes(std::string_view key) {
  const Result<std::string> text = read_file("/proc/meminfo");
  if (!text) return 0;
  const std::size_t at = text->find(key);
  if (at == std::string::npos) return 0;
  return std::strtoll(text->c_str() + at + key.size() + 1, nullptr, 10) * 1024;
}

std::int64_t number_in(const std::string& path) {
  return std::strtoll(read_file(path).value_or("").c_str(), nullptr, 10);
}

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "node";
  name.resize(name.find('\0'));
  for (char& c : name)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

// The address that packets to the outside would carry; no packet is sent to find out.
std::string outward_address() {
  const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(53);
  target.sin_addr.s_addr = htonl(0xc6336401);  // 198.51.100.1, RFC 5737
  sockaddr_in own{};
  socklen_t size = sizeof own;
  const bool known = connect(fd.get(), reinterpret_cast<sockaddr*>(&target), sizeof target) == 0 &&
                     getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0;
  return known ? Ipv4{ntohl(own.sin_addr.s_addr)}.text() : "127.0.0.1";
}

std::string os_image() {
  const Result<std::string> text = read_file("/etc/os-release");
  constexpr std::string_view kKey = "PRETTY_NAME=\"";
  const std::size_t at = text ? text->find(kKey) : std::string::npos;
  if (at == std::string::npos) return "Linux";
  const std::size_t begin = at + kKey.size();
  return text->substr(begin, text->find('"', begin) - begin);
}

std::string one_line(const std::string& path) {
  std::string text = read_file(path).value_or("");
  while (text.ends_with('\n'))
    text.pop_back();
  return text;
}

std::string architecture(const std::string& machine) {
  if (machine == "x86_64") return "amd64";
  return machine == "aarch64" ? "arm64" : machine;
}

api::NodeSystemInfo system_info(const NodeFacts& facts) {
  utsname kernel{};
  uname(&kernel);
  api::NodeSystemInfo out;
  out.machine_id = one_line("/etc/machine-id");
  out.system_uuid = out.machine_id;
  out.boot_id = one_line("/proc/sys/kernel/random/boot_id");
  out.kernel_version = kernel.release;
  out.os_image = os_image();
  out.container_runtime_version = facts.runtime_version;
  out.kubelet_version = fmt::format("{}+insula.{}", kKubernetesVersion, version());
  out.operating_system = "linux";
  out.architecture = architecture(kernel.machine);
  return out;
}

class ConditionList {
 public:
  ConditionList(const std::vector<api::NodeCondition>& before, api::Time now)
      : before_(before), now_(now) {}

  void add(const char* type, bool value, const char* reason, std::string message) {
    api::NodeCondition condition;
    condition.type = type;
    condition.status = value ? "True" : "False";
    condition.reason = reason;
    condition.message = std::move(message);
    condition.last_heartbeat_time = now_;
    condition.last_transition_time = now_;
    const auto old = std::ranges::find(before_, condition.type, &api::NodeCondition::type);
    if (old != before_.end() && old->status == condition.status) {
      condition.last_transition_time = old->last_transition_time;
      // A heartbeat alone is no news: leases carry those, so an idle node writes nothing here.
      if (old->reason == condition.reason && old->message == condition.message)
        condition.last_heartbeat_time = old->last_heartbeat_time;
    }
    out_.push_back(std::move(condition));
  }

  /// With the conditions of others, which are not ours to drop.
  std::vector<api::NodeCondition> take() {
    const std::size_t own = out_.size();
    for (const api::NodeCondition& condition : before_) {
      const auto end = out_.begin() + static_cast<std::ptrdiff_t>(own);
      if (std::find_if(out_.begin(), end, [&](const api::NodeCondition& known) {
            return known.type == condition.type;
          }) == end)
        out_.push_back(condition);
    }
    return std::move(out_);
  }

 private:
  const std::vector<api::NodeCondition>& before_;
  api::Time now_;
  std::vector<api::NodeCondition> out_;
};

}  // namespace

Result<NodeFacts> measure_node(const NodeOptions& options) {
  NodeFacts out;
  out.name = options.node_name.empty() ? host_name() : options.node_name;
  out.address = outward_address();
  out.cpu = api::Quantity::of(usable_cpus());
  out.memory = api::Quantity::of(meminfo_bytes("MemTotal:"), api::Quantity::Format::kBinarySi);
  const auto read = [](const char* flag, const std::string& text, api::Quantity& into) -> Result<> {
    if (text.empty()) return {};
    Result<api::Quantity> value = api::Quantity::parse(text);
    if (!value || value->is_negative())
      return fail(ErrorCode::kInvalid,
                  fmt::format("{} {}: not a quantity such as 8 or 64Gi", flag, text));
    into = *value;
    return {};
  };
  INSULA_TRY_VOID(read("--node-cpu", options.cpu, out.cpu));
  INSULA_TRY_VOID(read("--node-memory", options.memory, out.memory));
  struct statvfs disk{};
  if (statvfs(options.data_dir.c_str(), &disk) == 0) {
    out.ephemeral_storage_bytes =
        static_cast<std::int64_t>(disk.f_blocks) * static_cast<std::int64_t>(disk.f_frsize);
  }
  out.pods_max = options.max_pods;
  return out;
}

bool memory_is_short() {
  return meminfo_bytes("MemAvailable:") < kMemoryFloorBytes;
}

bool pids_are_short(const std::string& proc) {
  // "0.20 0.18 0.12 1/80 11206": the fourth word ends in the number of processes and threads.
  const std::string load = read_file(proc + "/loadavg").value_or("");
  const std::size_t slash = load.find('/');
  const std::int64_t used =
      slash == std::string::npos ? 0 : std::strtoll(load.c_str() + slash + 1, nullptr, 10);
  const std::int64_t limit = std::min(number_in(proc + "/sys/kernel/pid_max"),
                                      number_in(proc + "/sys/kernel/threads-max"));
  return limit > 0 &&
         static_cast<double>(limit - used) < kPidFloorShare * static_cast<double>(limit);
}

bool disk_is_short(const std::string& dir) {
  struct statvfs disk{};
  if (statvfs(dir.c_str(), &disk) != 0 || disk.f_blocks == 0) return false;
  return static_cast<double>(disk.f_bavail) < kDiskFloorShare * static_cast<double>(disk.f_blocks);
}

api::Node node_object(const NodeFacts& facts) {
  utsname kernel{};
  uname(&kernel);
  api::Node node;
  node.metadata.name = facts.name;
  node.metadata.labels = {{"kubernetes.io/hostname", facts.name},
                          {"kubernetes.io/os", "linux"},
                          {"kubernetes.io/arch", architecture(kernel.machine)}};
  if (!facts.gpus.empty()) {
    node.metadata.labels["nvidia.com/gpu.present"] = "true";
    node.metadata.labels["nvidia.com/gpu.count"] = std::to_string(facts.gpus.size());
    if (facts.gpus.front().origin == gpu::Origin::kSimulated) {
      node.metadata.labels[kSimulatedGpuLabel] = "true";
      node.metadata.annotations[kSimulatedGpuLabel] =
          fmt::format("{} GPUs of this node are simulated", facts.gpus.size());
    }
  }
  return node;
}

api::NodeStatus node_status(const NodeFacts& facts, const api::NodeStatus& before, api::Time now) {
  api::NodeStatus out;
  out.capacity["cpu"] = facts.cpu;
  out.capacity["memory"] = facts.memory;
  out.capacity["pods"] = api::Quantity::of(facts.pods_max);
  out.capacity["ephemeral-storage"] =
      api::Quantity::of(facts.ephemeral_storage_bytes, api::Quantity::Format::kBinarySi);
  if (!facts.gpus.empty())
    out.capacity[kGpuResource] = api::Quantity::of(static_cast<std::int64_t>(facts.gpus.size()));
  out.allocatable = out.capacity;
  api::NodeAddress address;
  address.type = "InternalIP";
  address.address = facts.address;
  out.addresses.push_back(address);
  address.type = "Hostname";
  address.address = facts.name;
  out.addresses.push_back(address);
  out.node_info = system_info(facts);
  ConditionList conditions(before.conditions, now);
  conditions.add(
      "MemoryPressure", facts.memory_pressure,
      facts.memory_pressure ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
      facts.memory_pressure ? "kubelet has insufficient memory available"
                            : "kubelet has sufficient memory available");
  conditions.add(
      "DiskPressure", facts.disk_pressure,
      facts.disk_pressure ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
      facts.disk_pressure ? "kubelet has disk pressure" : "kubelet has no disk pressure");
  conditions.add("PIDPressure", facts.pid_pressure,
                 facts.pid_pressure ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID",
                 facts.pid_pressure ? "kubelet has insufficient PID available"
                                    : "kubelet has sufficient PID available");
  const bool isolated =
      facts.isolation.namespaces && facts.isolation.limits && facts.isolation.user_namespaces;
  conditions.add("IsolationUnavailable", !isolated,
                 isolated                     ? "RuntimeIsolates"
                 : facts.isolation.namespaces ? "PartlyIsolated"
                                              : "ProcessRuntime",
                 isolated ? "pods have namespaces, limits and user namespaces of their own"
                          : facts.isolation.reason);
  conditions.add("Ready", true, "KubeletReady", "kubelet is posting ready status");
  out.conditions = conditions.take();
  return out;
}

}  // namespace insula::node
