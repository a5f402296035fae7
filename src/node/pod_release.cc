#include "node/pod_release.h"

#include <filesystem>
#include <utility>

#include "async/blocking_pool.h"
#include "async/loop.h"
#include "node/files.h"
#include "node/oci_runtime.h"
#include "node/pod_volumes.h"
#include "node/run.h"

namespace insula::node {
namespace {

// runc and crun may both have run here, and each knows only its own containers.
bool is_of(const std::string& program, const std::string& state) {
  return exists(state + "/status") == (program == "crun");
}

// The first error, after all have been tried.
Task<> forget_all(OciRuntime& runtime, std::string program, std::string state_dir, Result<>& out) {
  for (const std::string& id : names_in(state_dir)) {
    if (!is_of(program, state_dir + "/" + id)) continue;
    Result<> forgotten = co_await runtime.forget(id);
    if (!forgotten && out) out = std::move(forgotten);
  }
}

}  // namespace

Result<> release_pods(const std::string& data_dir, const std::string& binary) {
  Result<> out;
  Loop loop;
  BlockingPool pool{1};
  for (const char* name : {"runc", "crun"}) {
    const std::string program = find_program(name);
    if (program.empty()) continue;
    OciRuntime runtime(oci_options(program, binary, data_dir), pool);
    run_until_complete(loop, forget_all(runtime, name, data_dir + "/oci", out));
  }
  for (const std::string& uid : names_in(data_dir + "/pods")) {
    release_pod_mounts(data_dir + "/pods/" + uid);
  }
  return out;
}

void release_pod_mounts(const std::string& dir) {
  release_volumes(dir + "/volumes");
  // What is mounted is told by its real path.
  std::error_code missing;
  const std::string real = std::filesystem::canonical(dir, missing).string();
  if (!missing) unmount_below(real);
}

}  // namespace insula::node
