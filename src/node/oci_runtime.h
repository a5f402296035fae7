#pragma once

#include <cstdint>
#include <string>

#include "async/blocking_pool.h"
#include "node/cgroup.h"
#include "node/pod_network.h"
#include "node/runtime.h"

namespace insula::node {

/// Containers by Debian's runc or crun, each from a bundle that is written here.
///
/// Pods have a network namespace, a host name, and for tenants a user namespace; containers of a
/// pod have their own process, mount and IPC namespaces. Limits are control groups below /insula.
/// See docs/decisions/0011.
class OciRuntime final : public Runtime {
 public:
  struct Options {
    std::string program;      // path of runc or crun
    std::string version;      // "runc://1.1.5"
    std::string binary;       // this program
    std::string state_dir;    // the OCI runtime's own state
    std::string network_dir;  // network namespaces
    std::string cgroup_prefix = "/insula";
  };

  OciRuntime(Options options, BlockingPool& pool);

  /// Finds out by running /bin/true with everything pods get; without user namespaces if that is
  /// what it takes. Errors: why not even that works.
  Task<Result<>> try_out(std::string scratch_dir);

  [[nodiscard]] std::string version() const override { return options_.version; }

  [[nodiscard]] const Isolation& isolation() const override { return isolation_; }

  Task<Result<Sandbox>> create_sandbox(Sandbox sandbox) override;
  Task<Result<>> remove_sandbox(Sandbox sandbox) override;
  Task<Result<Container>> start(ContainerPlan plan, Sandbox sandbox) override;
  Task<Result<>> resize(Container container, Limits limits) override;
  [[nodiscard]] std::optional<std::int64_t> memory_usage(const Container& container) const override;
  void signal(const Container& container, int number) override;
  bool out_of_memory(const Container& container) override;
  Task<Result<>> remove(Container container) override;
  /// What remove() does first: the OCI runtime forgets an ended container, with its control groups.
  Task<Result<>> forget(std::string id);
  Result<SpawnOptions> exec(const Container& container, const ExecRequest& request) override;

 private:
  Task<Result<>> run_probe(std::string dir, bool user_namespace);

  [[nodiscard]] std::string group_of(const std::string& id) const {
    return options_.cgroup_prefix + "/" + id;
  }

  [[nodiscard]] std::string pid_file_of(const Container& container);
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> words) const;
  [[nodiscard]] bool hides_unified() const;

  Options options_;
  BlockingPool& pool_;
  CgroupLayout layout_;
  PodNetwork network_;
  Isolation isolation_;
  std::uint64_t execs_ = 0;
};

/// What the runtimes of one node have in common.
[[nodiscard]] OciRuntime::Options oci_options(std::string program,
                                              const std::string& binary,
                                              const std::string& data_dir);

/// The path of a program in the usual places; empty when it is not installed.
[[nodiscard]] std::string find_program(const std::string& name);

}  // namespace insula::node
