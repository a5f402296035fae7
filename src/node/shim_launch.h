#pragma once

#include <string>
#include <vector>

#include "async/task.h"
#include "base/error.h"
#include "node/runtime.h"

namespace insula::node {

/// Starting and finding shims; the agent's half of shim.h.
struct ShimLaunch {
  std::string binary;                // this program
  std::vector<std::string> flags;    // what differs between runtimes
  std::vector<std::string> command;  // after `--`
  std::vector<std::string> env;
};

/// Starts a shim over plan.dir and waits until its container runs.
/// Errors: kInvalid with the shim's report when it does not.
Task<Result<Container>> launch_shim(ShimLaunch launch, const ContainerPlan& plan);

/// Waits while a shim that an earlier agent launched over `dir` is still starting its container,
/// for half a minute at most. Only then is what find_container() says the last word.
Task<> launch_settled(std::string dir);

/// The container that an earlier agent left in `dir`.
/// Errors: kNotFound when none was started there.
[[nodiscard]] Result<Container> find_container(std::string id, std::string dir);

/// Waits until the container has ended and its exit status is known.
///
/// A shim that died without leaving a status takes its container with it, and counts as killed:
/// exit code 137, as Kubernetes reports containers whose status is lost.
Task<ExitRecord> wait_for_exit(Container container);

}  // namespace insula::node
