#include "node/process_runtime.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/files.h"
#include "node/shim_launch.h"
#include "node/sub_path.h"

namespace insula::node {
namespace {

// Where the agent is root, containers still are not: they could read every key of the platform.
constexpr std::int64_t kUnprivilegedUser = 65534;
// In a container's directory: as whom it runs.
constexpr std::string_view kUserFile = "/user";

// A container's path on the machine, when one of the mounts covers it.
std::string on_the_machine(const std::string& path, const std::vector<Mount>& mounts) {
  const Mount* best = nullptr;
  for (const Mount& mount : mounts) {
    const bool covers = !mount.source.empty() && path.starts_with(mount.target) &&
                        (path.size() == mount.target.size() || path[mount.target.size()] == '/');
    if (covers && (best == nullptr || mount.target.size() > best->target.size())) best = &mount;
  }
  return best == nullptr ? path : best->source + path.substr(best->target.size());
}

// `/a/b` -> `<dir>/mounts/a/b`, so that a program can be pointed at its volumes.
Result<> link_mounts(const std::string& dir, const std::vector<Mount>& mounts) {
  for (const Mount& mount : mounts) {
    if (mount.source.empty()) continue;
    const std::filesystem::path link(dir + mount.target);
    INSULA_TRY_VOID(make_dirs(link.parent_path().string()));
    if (symlink(mount.source.c_str(), link.c_str()) != 0 && errno != EEXIST)
      return fail_errno("link " + link.string());
  }
  return {};
}

// 0: the agent's own.
std::int64_t effective_user(std::int64_t asked) {
  if (geteuid() != 0) return 0;
  return asked != 0 ? asked : kUnprivilegedUser;
}

// The user of a running container, whoever started it; 0: the agent's own.
std::int64_t user_of(const Container& container) {
  if (geteuid() != 0) return 0;
  const Result<std::string> text = read_file(container.dir + std::string(kUserFile));
  std::int64_t user = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), user);
  return user > 0 ? user : kUnprivilegedUser;
}

std::vector<std::string> user_flags(std::int64_t user) {
  if (user == 0) return {};
  return {"--user", fmt::format("{}", user)};
}

std::vector<std::string> marked(std::vector<std::string> env) {
  for (std::string& entry : env)
    entry.insert(entry.begin(), kEnvMark);
  return env;
}

std::vector<std::string> translated(const std::vector<std::string>& words,
                                    const std::vector<Mount>& mounts) {
  std::vector<std::string> out;
  for (const std::string& word : words)
    out.push_back(on_the_machine(word, mounts));
  return out;
}

}  // namespace

ProcessRuntime::ProcessRuntime(std::string binary, std::string reason)
    : binary_(std::move(binary)) {
  isolation_.reason = std::move(reason);
}

Task<Result<Sandbox>> ProcessRuntime::create_sandbox(Sandbox sandbox) {
  co_return sandbox;
}

Task<Result<>> ProcessRuntime::remove_sandbox(Sandbox /*sandbox*/) {
  co_return Result<>{};
}

// A container's group has the number of its user.
std::optional<std::uint32_t> ProcessRuntime::volume_group(std::int64_t user) const {
  const std::int64_t runs_as = effective_user(user);
  return runs_as == 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(runs_as));
}

Task<Result<Container>> ProcessRuntime::start(ContainerPlan plan, Sandbox sandbox) {
  if (std::holds_alternative<ImageRoot>(plan.root)) {
    co_return fail(
        ErrorCode::kInvalid,
        "imported images need namespaces, which this machine does not allow: " + isolation_.reason);
  }
  // Without a mount of its own a part is a path, which the container follows with its own rights.
  for (Mount& mount : plan.mounts) {
    if (mount.sub_path.empty()) continue;
    INSULA_CO_TRY_VOID(open_sub_path(mount));
    mount.source += "/" + std::exchange(mount.sub_path, {});
  }
  const std::string mounts = plan.dir + "/mounts";
  INSULA_CO_TRY_VOID(link_mounts(mounts, plan.mounts));
  ShimLaunch launch;
  launch.binary = binary_;
  const std::int64_t user = effective_user(plan.security.uid);
  INSULA_CO_TRY_VOID(
      write_file(plan.dir + std::string(kUserFile), fmt::format("{}\n", user), 0600));
  launch.flags = user_flags(user);
  launch.flags.emplace_back("--marked-env");
  if (!plan.cwd.empty()) {
    launch.flags.emplace_back("--cwd");
    launch.flags.push_back(on_the_machine(plan.cwd, plan.mounts));
  }
  launch.command = translated(plan.argv, plan.mounts);
  if (std::holds_alternative<BinaryRoot>(plan.root)) launch.command.front() = binary_;
  launch.env = plan.env;
  launch.env.push_back("INSULA_MOUNTS=" + mounts);
  launch.env = marked(std::move(launch.env));
  static_cast<void>(sandbox);
  co_return co_await launch_shim(std::move(launch), plan);
}

void ProcessRuntime::signal(const Container& container, int number) {
  const ProcessIdentity& process = container.identity.container;
  if (!is_alive(process)) return;
  // The whole session on SIGKILL; otherwise the first process decides what its children are told.
  kill(number == SIGKILL ? -process.pid : process.pid, number);
}

Task<Result<>> ProcessRuntime::remove(Container container) {
  co_return remove_tree(container.dir);
}

Result<SpawnOptions> ProcessRuntime::exec(const Container& container, const ExecRequest& request) {
  SpawnOptions options;
  options.argv = {binary_, "shim", "--exec", "--marked-env"};
  std::ranges::move(user_flags(user_of(container)), std::back_inserter(options.argv));
  if (!request.cwd.empty()) options.argv.insert(options.argv.end(), {"--cwd", request.cwd});
  options.argv.emplace_back("--");
  options.argv.insert(options.argv.end(), request.argv.begin(), request.argv.end());
  options.env = request.env;
  options.env.push_back("INSULA_MOUNTS=" + container.dir + "/mounts");
  options.env = marked(std::move(options.env));
  return options;
}

}  // namespace insula::node
