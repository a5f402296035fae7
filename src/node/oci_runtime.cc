#include "node/oci_runtime.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "async/loop.h"
#include "base/fd.h"
#include "node/files.h"
#include "node/oci_config.h"
#include "node/pod_network.h"
#include "node/rootfs.h"
#include "node/shim_launch.h"
#include "node/sub_path.h"

namespace insula::node {
namespace {

constexpr auto kDeleteTimeout = std::chrono::seconds(10);
constexpr auto kUpdateTimeout = std::chrono::seconds(10);
constexpr std::uint32_t kUserSlots = 65535;
// What a test container gets of everything; enough for /bin/true.
constexpr std::int64_t kProbeMemoryBytes = 64L << 20U;
// Another platform of this machine may be trying things out at this very moment.
constexpr Ipv4 kFirstProbeAddress{(169U << 24U) | (254U << 16U) | (255U << 8U) | 1U};
constexpr std::uint32_t kProbeAddresses = 64;

// In a container's directory: the parts of volumes that it is given.
constexpr const char* kSubPaths = "/subpaths";

// Each pod address has an id range of its own, as long as the range of addresses is /16 or smaller.
std::uint32_t user_base_of(Ipv4 ip) {
  return kUserNamespaceIds * (1 + (ip.value % kUserSlots));
}

std::vector<std::string> runtime_environment() {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
}

bool is_mounted_at(const std::vector<Mount>& mounts, std::string_view target) {
  return std::ranges::any_of(mounts, [&](const Mount& mount) { return mount.target == target; });
}

// Whom a container's user is on the machine.
FileOwner owner_of(const Security& security, const Sandbox& sandbox) {
  const std::uint32_t base = sandbox.user_base.value_or(0);
  return {base + static_cast<uid_t>(security.uid), base + static_cast<gid_t>(security.gid)};
}

Result<> save_owner(const std::string& dir, FileOwner owner) {
  return write_file(dir + "/owner", fmt::format("{} {}\n", owner.uid, owner.gid), 0600);
}

std::optional<FileOwner> load_owner(const std::string& dir) {
  const Result<std::string> text = read_file(dir + "/owner");
  if (!text) return std::nullopt;
  char* rest = nullptr;
  const auto uid = static_cast<uid_t>(std::strtoul(text->c_str(), &rest, 10));
  return FileOwner{uid, static_cast<gid_t>(std::strtoul(rest, nullptr, 10))};
}

// Files that a pod's containers share, unless the pod brings its own.
void add_pod_files(std::vector<Mount>& mounts, const ContainerPlan& plan, const Sandbox& sandbox) {
  for (const char* name : {"hosts", "hostname", "resolv.conf"}) {
    const std::string target = std::string("/etc/") + name;
    const std::string source = fmt::format("{}/etc/{}", sandbox.dir, name);
    if (!is_mounted_at(plan.mounts, target) && exists(source))
      mounts.push_back({source, target, false});
  }
}

// runc remounts what is to be read-only, and the kernel refuses that to a user namespace unless
// these stay.
void keep_options(std::vector<Mount>& mounts) {
  for (Mount& mount : mounts) {
    struct statvfs info{};
    if (mount.source.empty() || statvfs(mount.source.c_str(), &info) != 0) continue;
    if ((info.f_flag & ST_NOSUID) != 0) mount.options.emplace_back("nosuid");
    if ((info.f_flag & ST_NODEV) != 0) mount.options.emplace_back("nodev");
    if ((info.f_flag & ST_NOEXEC) != 0) mount.options.emplace_back("noexec");
  }
}

std::vector<DeviceNode> device_nodes(const std::vector<std::string>& files) {
  std::vector<DeviceNode> out;
  for (const std::string& file : files) {
    struct stat info{};
    if (stat(file.c_str(), &info) == 0 && S_ISCHR(info.st_mode))
      out.push_back({file, major(info.st_rdev), minor(info.st_rdev)});
  }
  return out;
}

// Namespaces of a process, by paths that stand for them whoever has its number later.
class HeldNamespaces {
 public:
  static Result<HeldNamespaces> of(const ProcessIdentity& process) {
    HeldNamespaces out;
    for (const auto& [name, fd] : {std::pair("pid", &out.pid_), std::pair("ipc", &out.ipc_)}) {
      const std::string path = fmt::format("/proc/{}/ns/{}", process.pid, name);
      *fd = Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!*fd) return fail_errno("open " + path);
    }
    if (!is_alive(process))
      return fail(ErrorCode::kUnavailable, "the target container has just ended");
    return out;
  }

  [[nodiscard]] std::string pid_path() const { return path_of(pid_); }

  [[nodiscard]] std::string ipc_path() const { return path_of(ipc_); }

 private:
  static std::string path_of(const Fd& fd) {
    return fmt::format("/proc/{}/fd/{}", getpid(), fd.get());
  }

  Fd pid_;
  Fd ipc_;
};

// What start() mounted for a container.
void release_mounts(const std::string& dir) {
  release_sub_paths(dir + kSubPaths);
  release_rootfs(dir);
}

}  // namespace

OciRuntime::Options oci_options(std::string program,
                                const std::string& binary,
                                const std::string& data_dir) {
  OciRuntime::Options options;
  options.program = std::move(program);
  // Mount sources must be real paths; /proc/self/exe means another program to another process.
  std::error_code failed;
  options.binary = std::filesystem::canonical(binary, failed).string();
  options.state_dir = data_dir + "/oci";
  options.network_dir = network_folder(data_dir);
  return options;
}

std::string find_program(const std::string& name) {
  for (const char* dir :
       {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
    std::string path = std::string(dir) + "/" + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

OciRuntime::OciRuntime(Options options, BlockingPool& pool)
    : options_(std::move(options)),
      pool_(pool),
      layout_(cgroup_layout()),
      network_(options_.network_dir) {
  isolation_.namespaces = true;
  isolation_.limits = true;
  isolation_.user_namespaces = true;
}

bool OciRuntime::hides_unified() const {
  return layout_ == CgroupLayout::kHybrid && options_.program.ends_with("crun");
}

std::vector<std::string> OciRuntime::command(std::vector<std::string> words) const {
  std::vector<std::string> out;
  if (hides_unified()) out = {options_.binary, "shim", "--hide-unified", "--exec", "--"};
  out.insert(out.end(), {options_.program, "--root", options_.state_dir});
  std::ranges::move(words, std::back_inserter(out));
  return out;
}

Task<Result<>> OciRuntime::try_out(std::string scratch_dir) {
  if (layout_ == CgroupLayout::kNone)
    co_return fail(ErrorCode::kUnavailable, "no control groups are mounted at /sys/fs/cgroup");
  INSULA_CO_TRY_VOID(network_.prepare());
  INSULA_CO_TRY_VOID(make_dirs(options_.state_dir, 0700));
  if (co_await run_probe(scratch_dir, true)) co_return Result<>{};
  const Result<> less = co_await run_probe(scratch_dir, false);
  if (!less) co_return less;
  // A mishap of one moment must not cost tenants their isolation until the next start.
  const Result<> all = co_await run_probe(scratch_dir, true);
  if (all) co_return Result<>{};
  isolation_.user_namespaces = false;
  isolation_.reason = "pods of tenants share the machine's user ids: " + all.error().message();
  co_return Result<>{};
}

Task<Result<>> OciRuntime::run_probe(std::string dir, bool user_namespace) {
  Sandbox sandbox;
  sandbox.pod_uid = fmt::format("probe-{}", getpid());
  sandbox.hostname = "probe";
  sandbox.dir = dir;
  sandbox.wants_user_namespace = user_namespace;
  ContainerPlan plan;
  plan.id = fmt::format("insula-probe-{}", getpid());
  plan.dir = dir + "/container";
  plan.log_path = dir + "/log";
  plan.log_bytes_max = 1 << 16;
  plan.root = HostRoot{};
  plan.argv = {"/bin/true"};
  plan.limits = {kProbeMemoryBytes, 1000, 100, 16};
  INSULA_CO_TRY_VOID(remove_tree(dir));
  INSULA_CO_TRY_VOID(make_dirs(plan.dir, 0711));
  Result<Sandbox> made = fail(ErrorCode::kAlreadyExists, "");
  for (std::uint32_t i = 0;
       i < kProbeAddresses && !made && made.error().code() == ErrorCode::kAlreadyExists; ++i) {
    sandbox.ip = Ipv4{kFirstProbeAddress.value + i};
    made = co_await create_sandbox(sandbox);
  }
  Result<> outcome;
  if (made) {
    Result<Container> container = co_await start(plan, *made);
    if (container) {
      const ExitRecord end = co_await wait_for_exit(*container);
      if (end.exit_code != 0) {
        outcome = fail(ErrorCode::kUnavailable,
                       fmt::format("a test container ended with {}: {}", end.exit_code,
                                   read_file(plan.log_path).value_or("")));
      }
      static_cast<void>(co_await remove(*std::move(container)));
    } else {
      outcome = std::unexpected(std::move(container).error());
    }
  } else {
    outcome = std::unexpected(std::move(made).error());
  }
  static_cast<void>(co_await remove_sandbox(sandbox));
  static_cast<void>(remove_tree(dir).has_value());
  co_return outcome;
}

Task<Result<Sandbox>> OciRuntime::create_sandbox(Sandbox sandbox) {
  if (sandbox.wants_user_namespace && isolation_.user_namespaces)
    sandbox.user_base = user_base_of(sandbox.ip);
  auto work = [network = network_, uid = sandbox.pod_uid, ip = sandbox.ip,
               base = sandbox.user_base] {
    Result<> added = network.add(uid, ip, base);
    // Half a network helps nobody, and the next try may be with another address and other ids.
    if (!added) static_cast<void>(network.remove(uid).has_value());
    return added;
  };
  INSULA_CO_TRY_VOID(co_await pool_.run(std::move(work)));
  co_return sandbox;
}

Task<Result<>> OciRuntime::remove_sandbox(Sandbox sandbox) {
  auto work = [network = network_, uid = sandbox.pod_uid] { return network.remove(uid); };
  co_return co_await pool_.run(std::move(work));
}

Task<Result<Container>> OciRuntime::start(ContainerPlan plan, Sandbox sandbox) {
  OciSettings settings;
  if (!sandbox.host_network) settings.namespaces = network_.namespaces(sandbox.pod_uid);
  settings.cgroup_path = group_of(plan.id);
  settings.machine_capabilities = machine_capabilities();
  settings.unified_cgroups = layout_ == CgroupLayout::kV2;
  settings.devices = device_nodes(plan.devices);
  std::optional<HeldNamespaces> joined;
  if (plan.joins) {
    INSULA_CO_TRY(joined, HeldNamespaces::of(*plan.joins));
    settings.pid_namespace = joined->pid_path();
    settings.ipc_namespace = joined->ipc_path();
  }
  add_pod_files(settings.mounts, plan, sandbox);
  auto work = [plan, sandbox, settings, binary = options_.binary]() mutable -> Result<> {
    INSULA_TRY(
        std::vector<Mount> mounts,
        make_rootfs(plan.dir, plan.root, binary, {sandbox.user_base, settings.namespaces.user}));
    std::ranges::move(mounts, std::inserter(settings.mounts, settings.mounts.begin()));
    INSULA_TRY_VOID(mount_sub_paths(plan.dir + kSubPaths, plan.mounts));
    settings.mounts.insert(settings.mounts.end(), plan.mounts.begin(), plan.mounts.end());
    if (sandbox.user_base) keep_options(settings.mounts);
    return write_file(plan.dir + "/config.json", oci_config(plan, sandbox, settings), 0600);
  };
  if (Result<> made = co_await pool_.run(std::move(work)); !made) {
    release_mounts(plan.dir);
    co_return std::unexpected(std::move(made).error());
  }
  ShimLaunch launch;
  launch.binary = options_.binary;
  const FileOwner owner = owner_of(plan.security, sandbox);
  INSULA_CO_TRY_VOID(save_owner(plan.dir, owner));
  launch.flags = {"--pid-file", plan.dir + "/pid", "--output-owner",
                  fmt::format("{}:{}", owner.uid, owner.gid)};
  // While `crun run` lasts a process of its own is the container's parent, and the exit status of a
  // container that ends before it is lost. After `create` the container is the shim's child before
  // it runs.
  const bool in_two_steps = std::filesystem::path(options_.program).filename() == "crun";
  if (in_two_steps) launch.flags.insert(launch.flags.end(), {"--start", plan.id});
  launch.command = command(in_two_steps ? std::vector<std::string>{"create"}
                                        : std::vector<std::string>{"run", "--detach"});
  launch.command.insert(launch.command.end(),
                        {"--bundle", plan.dir, "--pid-file", plan.dir + "/pid", plan.id});
  launch.env = runtime_environment();
  Result<Container> started = co_await launch_shim(std::move(launch), plan);
  if (!started && in_two_steps) static_cast<void>((co_await forget(plan.id)).has_value());
  if (!started) release_mounts(plan.dir);
  co_return started;
}

Task<Result<>> OciRuntime::resize(Container container, Limits limits) {
  const std::string file = container.dir + "/resources.json";
  INSULA_CO_TRY_VOID(write_file(file, oci_resources(limits), 0600));
  SpawnOptions options;
  options.argv = command({"update", "--resources", file, container.id});
  options.env = runtime_environment();
  INSULA_CO_TRY(const CommandResult done,
                co_await run_command(std::move(options), Loop::current().now() + kUpdateTimeout));
  if (done.exit_code != 0) {
    co_return fail(ErrorCode::kUnavailable, fmt::format("the resources of {} were not changed: {}",
                                                        container.id, done.output));
  }
  if (limits.cpu_millis > 0) co_return Result<>{};
  co_return lift_cpu_limit(layout_, group_of(container.id));
}

std::optional<std::int64_t> OciRuntime::memory_usage(const Container& container) const {
  return node::memory_usage(layout_, group_of(container.id));
}

void OciRuntime::signal(const Container& container, int number) {
  const ProcessIdentity& process = container.identity.container;
  // The first process of a pid namespace takes the others with it.
  if (is_alive(process)) kill(process.pid, number);
}

bool OciRuntime::out_of_memory(const Container& container) {
  return oom_kills(layout_, group_of(container.id)) > 0;
}

Task<Result<>> OciRuntime::forget(std::string id) {
  SpawnOptions options;
  options.argv = command({"delete", "--force", std::move(id)});
  options.env = runtime_environment();
  // A container that is not known any more is what is wanted, so the outcome does not matter.
  const auto deleted =
      co_await run_command(std::move(options), Loop::current().now() + kDeleteTimeout);
  if (!deleted) co_return std::unexpected(deleted.error());
  co_return Result<>{};
}

Task<Result<>> OciRuntime::remove(Container container) {
  INSULA_CO_TRY_VOID(co_await forget(container.id));
  auto work = [dir = container.dir] {
    release_mounts(dir);
    return remove_tree(dir);
  };
  co_return co_await pool_.run(std::move(work));
}

std::string OciRuntime::pid_file_of(const Container& container) {
  std::string path = fmt::format("{}/exec-{}", container.dir, ++execs_);
  unlink(path.c_str());  // of an earlier agent
  return path;
}

Result<SpawnOptions> OciRuntime::exec(const Container& container, const ExecRequest& request) {
  SpawnOptions options;
  options.pid_file = pid_file_of(container);
  options.output_owner = load_owner(container.dir);
  // Without it the runtimes take root, and know nothing of no_new_privs.
  const std::string process_file = options.pid_file + std::string(kProcessFileSuffix);
  INSULA_TRY(const std::string config, read_file(container.dir + "/config.json"));
  INSULA_TRY(const std::string process, oci_process(config, request.argv, request.tty));
  INSULA_TRY_VOID(write_file(process_file, process, 0600));
  options.argv =
      command({"exec", "--pid-file", options.pid_file, "--process", process_file, container.id});
  options.env = runtime_environment();
  return options;
}

}  // namespace insula::node
