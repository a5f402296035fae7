#include "node/runtime_choice.h"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "async/loop.h"
#include "node/files.h"
#include "node/oci_runtime.h"
#include "node/process_runtime.h"

namespace insula::node {
namespace {

constexpr auto kVersionTimeout = std::chrono::seconds(5);

// "runc version 1.1.5+ds1" -> "runc://1.1.5+ds1".
Task<std::string> version_of(std::string name, std::string program) {
  SpawnOptions options;
  options.argv = {program, "--version"};
  auto result = co_await run_command(std::move(options), Loop::current().now() + kVersionTimeout);
  if (!result) co_return name + "://unknown";
  constexpr std::string_view kKey = " version ";
  const std::size_t at = result->output.find(kKey);
  if (at == std::string::npos) co_return name + "://unknown";
  const std::size_t begin = at + kKey.size();
  co_return fmt::format(
      "{}://{}", name,
      result->output.substr(begin, result->output.find_first_of(" \n", begin) - begin));
}

Task<Result<std::unique_ptr<Runtime>>> try_oci(std::string name,
                                               std::string data_dir,
                                               std::string binary,
                                               BlockingPool& pool) {
  if (geteuid() != 0) co_return fail(ErrorCode::kUnavailable, "containers need root");
  const std::string program = find_program(name);
  if (program.empty()) co_return fail(ErrorCode::kUnavailable, name + " is not installed");
  OciRuntime::Options options = oci_options(program, binary, data_dir);
  options.version = co_await version_of(name, program);
  auto runtime = std::make_unique<OciRuntime>(std::move(options), pool);
  if (Result<> works = co_await runtime->try_out(data_dir + "/probe"); !works) {
    co_return std::unexpected(std::move(works).error().in(name));
  }
  co_return runtime;
}

}  // namespace

Task<Result<std::unique_ptr<Runtime>>> choose_runtime(const NodeOptions& options,
                                                      BlockingPool& pool,
                                                      Log log) {
  std::vector<std::string> names;
  std::string reason = "asked for by --runtime process";
  if (options.runtime == RuntimeChoice::kAuto) names = {"runc", "crun"};
  if (options.runtime == RuntimeChoice::kRunc) names = {"runc"};
  if (options.runtime == RuntimeChoice::kCrun) names = {"crun"};
  for (const std::string& name : names) {
    auto runtime = co_await try_oci(name, options.data_dir, options.binary, pool);
    if (runtime) co_return runtime;
    if (options.runtime != RuntimeChoice::kAuto) co_return runtime;
    log.debug("runtime does not work here", "runtime", name, "err", runtime.error());
    reason = runtime.error().message();
  }
  if (!names.empty()) log.warn("pods run as plain processes, without isolation", "reason", reason);
  co_return std::make_unique<ProcessRuntime>(options.binary,
                                             "pods are plain processes of this machine: " + reason);
}

}  // namespace insula::node
