#pragma once

#include <string>

#include "node/runtime.h"

namespace insula::node {

/// Containers as plain processes of the agent's own user: no namespaces, no limits, no root file
/// system of their own. For machines where nothing better is allowed; the node says so.
///
/// A pod's address is one of 127.0.0.0/8, which every Linux machine has. A program must bind to it
/// (INSULA_POD_IP in its environment), or pods that listen on the same port collide. Volumes and
/// the program's files are where they are on the machine: a mount is a symbolic link below the
/// pod's directory, and INSULA_MOUNTS names that directory.
class ProcessRuntime final : public Runtime {
 public:
  /// `binary`: this program. `reason`: why this runtime was chosen.
  ProcessRuntime(std::string binary, std::string reason);

  [[nodiscard]] std::string version() const override { return "process"; }

  [[nodiscard]] const Isolation& isolation() const override { return isolation_; }

  Task<Result<Sandbox>> create_sandbox(Sandbox sandbox) override;
  Task<Result<>> remove_sandbox(Sandbox sandbox) override;
  [[nodiscard]] std::optional<std::uint32_t> volume_group(std::int64_t user) const override;
  Task<Result<Container>> start(ContainerPlan plan, Sandbox sandbox) override;

  Task<Result<>> resize(Container /*container*/, Limits /*limits*/) override {
    co_return Result<>{};
  }

  [[nodiscard]] std::optional<std::int64_t> memory_usage(
      const Container& /*container*/) const override {
    return std::nullopt;
  }

  void signal(const Container& container, int number) override;

  bool out_of_memory(const Container& /*container*/) override { return false; }

  Task<Result<>> remove(Container container) override;
  Result<SpawnOptions> exec(const Container& container, const ExecRequest& request) override;

 private:
  std::string binary_;
  Isolation isolation_;
};

}  // namespace insula::node
