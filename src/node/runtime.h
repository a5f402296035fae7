#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "node/child_process.h"
#include "node/ip_pool.h"
#include "node/shim.h"

namespace insula::node {

/// What one pod's containers share.
struct Sandbox {
  std::string pod_uid;
  std::string hostname;
  std::string dir;  // the pod's directory
  Ipv4 ip;
  bool host_network = false;
  bool wants_user_namespace = false;
  /// Set by a runtime that can: containers run in a user namespace whose id 0 is this id here.
  std::optional<std::uint32_t> user_base;
};

/// Ids of a user namespace: 0 to this many (exclusive) are mapped.
inline constexpr std::uint32_t kUserNamespaceIds = 65536;

/// A file or directory of the machine inside a container.
struct Mount {
  std::string source;  // empty: a new tmpfs
  std::string target;
  bool read_only = false;
  /// A part of the source, to be opened with open_sub_path(); empty: all of it.
  std::string sub_path = {};
  /// What a user namespace may not take off the file system: `nosuid`, `nodev`, `noexec`.
  std::vector<std::string> options = {};
  /// Links in the source are the agent's own, as no container can write there.
  bool own_links = false;
};

struct Limits {
  std::int64_t memory_bytes = 0;        // 0: none
  std::int64_t cpu_millis = 0;          // 0: none
  std::int64_t cpu_request_millis = 0;  // weight under contention
  std::int64_t pids = 0;
};

struct Security {
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::vector<std::int64_t> groups;
  std::vector<std::string> capabilities_add;  // without CAP_
  std::vector<std::string> capabilities_drop;
  bool privileged = false;
  bool allow_escalation = true;
  bool read_only_root = false;
  bool unconfined_syscalls = false;
};

/// The host's programs as a container's root: system directories, read-only, and a small /etc.
struct HostRoot {
  std::vector<std::string> paths;  // further files and directories, each under its own name
};

/// This binary and the shared libraries it runs with, and nothing else.
struct BinaryRoot {};

/// An imported image: directories of unpacked layers, the topmost first.
struct ImageRoot {
  std::vector<std::string> layers;
};

using RootSource = std::variant<HostRoot, BinaryRoot, ImageRoot>;

/// Everything a runtime needs to know to start one container once.
struct ContainerPlan {
  std::string id;   // unique on the machine: pod uid, name and attempt
  std::string dir;  // its own directory, made by the caller; shim and exit files go here
  std::string log_path;
  std::int64_t log_bytes_max = 0;
  int log_files_max = 1;

  RootSource root;
  std::vector<std::string> argv;
  std::vector<std::string> env;  // NAME=value
  std::string cwd;               // empty: the root directory
  std::vector<Mount> mounts;
  std::vector<std::string> devices;  // files below /dev; those that are not there are left out
  Limits limits;
  Security security;
  /// First process of a running container whose processes, and their shared memory, it sees.
  std::optional<ProcessIdentity> joins;
};

/// A container that has been started, now or by an earlier run of the agent.
struct Container {
  std::string id;
  std::string dir;
  ShimIdentity identity;
};

struct ExecRequest {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // the container's own
  std::string cwd;
  bool tty = false;
};

/// What separates pods under this runtime, for the node's conditions and the documentation.
struct Isolation {
  bool namespaces = false;  // network, process, mount, IPC
  bool limits = false;      // memory, CPU and process counts are enforced
  bool user_namespaces = false;
  std::string reason;  // why something is missing; empty when nothing is
};

/// Runs containers. Two implementations: OciRuntime (runc or crun) and ProcessRuntime.
///
/// Containers outlive the agent, each under a shim. Every call may wait for a child process and
/// leaves the loop free. Threads: the agent's loop.
class Runtime {
 public:
  virtual ~Runtime() = default;

  /// `runc 1.1.5`; goes into the node's status.
  [[nodiscard]] virtual std::string version() const = 0;
  [[nodiscard]] virtual const Isolation& isolation() const = 0;

  /// The network of a pod, before its first container; the result also has the user namespace.
  /// Errors: kAlreadyExists when something else on the machine has the address: try another.
  virtual Task<Result<Sandbox>> create_sandbox(Sandbox sandbox) = 0;
  /// Gives everything back; fine when it is gone.
  virtual Task<Result<>> remove_sandbox(Sandbox sandbox) = 0;

  /// The group that a container reaches its volumes with, when it does so by their path on the
  /// machine; `user`: as whom it asks to run. Nothing: they are mounted for it.
  [[nodiscard]] virtual std::optional<std::uint32_t> volume_group(std::int64_t /*user*/) const {
    return std::nullopt;
  }

  /// Errors: kInvalid when the program cannot be run (the message is the user's).
  virtual Task<Result<Container>> start(ContainerPlan plan, Sandbox sandbox) = 0;

  /// Gives a running container other limits of memory and CPU, and leaves it running. A runtime
  /// that does not enforce limits has nothing to do. Errors: kUnavailable in the runtime's words.
  virtual Task<Result<>> resize(Container container, Limits limits) = 0;

  /// Bytes of memory that the container has in use; nothing when nobody counts them.
  [[nodiscard]] virtual std::optional<std::int64_t> memory_usage(
      const Container& container) const = 0;

  /// Sends a signal to the container's first process; fine when it has ended.
  virtual void signal(const Container& container, int number) = 0;

  /// Whether the kernel killed something in the container for want of memory. Call it after the end
  /// and before remove().
  virtual bool out_of_memory(const Container& container) = 0;

  /// Cleans up after an ended container, its log excepted; fine when it is gone.
  virtual Task<Result<>> remove(Container container) = 0;

  /// How to run a further process in a running container; the caller spawns it with its own
  /// descriptors. With `tty` the caller makes them a terminal.
  virtual Result<SpawnOptions> exec(const Container& container, const ExecRequest& request) = 0;
};

}  // namespace insula::node
