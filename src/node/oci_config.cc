#include "node/oci_config.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::node {
namespace {

// Calls that only the administration of a machine needs, or that have a history of kernel faults.
constexpr std::array kDeniedCalls = {"acct",
                                     "add_key",
                                     "bpf",
                                     "clock_adjtime",
                                     "clock_settime",
                                     "create_module",
                                     "delete_module",
                                     "fanotify_init",
                                     "finit_module",
                                     "fsconfig",
                                     "fsmount",
                                     "fsopen",
                                     "fspick",
                                     "get_kernel_syms",
                                     "init_module",
                                     "io_uring_enter",
                                     "io_uring_register",
                                     "io_uring_setup",
                                     "ioperm",
                                     "iopl",
                                     "kcmp",
                                     "kexec_file_load",
                                     "kexec_load",
                                     "keyctl",
                                     "lookup_dcookie",
                                     "mount",
                                     "mount_setattr",
                                     "move_mount",
                                     "name_to_handle_at",
                                     "nfsservctl",
                                     "open_by_handle_at",
                                     "open_tree",
                                     "perf_event_open",
                                     "pivot_root",
                                     "process_vm_readv",
                                     "process_vm_writev",
                                     "query_module",
                                     "quotactl",
                                     "quotactl_fd",
                                     "reboot",
                                     "request_key",
                                     "setns",
                                     "settimeofday",
                                     "swapoff",
                                     "swapon",
                                     "syslog",
                                     "umount",
                                     "umount2",
                                     "unshare",
                                     "uselib",
                                     "userfaultfd",
                                     "ustat",
                                     "vhangup",
                                     "vm86",
                                     "vm86old"};

constexpr std::array<std::int64_t, 7> kNamespaceFlags = {
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000};

constexpr std::array kMaskedPaths = {"/proc/asound",
                                     "/proc/acpi",
                                     "/proc/kcore",
                                     "/proc/keys",
                                     "/proc/latency_stats",
                                     "/proc/timer_list",
                                     "/proc/timer_stats",
                                     "/proc/sched_debug",
                                     "/proc/scsi",
                                     "/sys/firmware",
                                     "/sys/devices/virtual/powercap"};
constexpr std::array kReadOnlyPaths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                       "/proc/sysrq-trigger"};

constexpr int kDeviceMode = 0666;
constexpr int kEperm = 1;
constexpr int kEnosys = 38;
constexpr std::int64_t kCpuPeriodMicros = 100'000;

json::Object object(std::initializer_list<json::Object::Member> members) {
  return {members};
}

template <class Range>
json::Array texts(const Range& range) {
  json::Array out;
  for (const auto& item : range)
    out.emplace_back(std::string(item));
  return out;
}

json::Value capabilities(const Security& security, const CapabilitySet& machine) {
  json::Array names;
  for (const std::string& name : container_capabilities(security, machine))
    names.emplace_back("CAP_" + name);
  json::Object out;
  out["bounding"] = names;
  // Another user than root starts without any and can only get them from a file's.
  const json::Array held = security.uid == 0 ? names : json::Array();
  out["effective"] = held;
  out["permitted"] = held;
  return out;
}

json::Value process(const ContainerPlan& plan, const CapabilitySet& machine) {
  json::Object user = object({{"uid", plan.security.uid}, {"gid", plan.security.gid}});
  if (!plan.security.groups.empty()) {
    json::Array groups;
    for (const std::int64_t group : plan.security.groups)
      groups.emplace_back(group);
    user["additionalGids"] = std::move(groups);
  }
  json::Object out;
  out["terminal"] = false;
  out["user"] = std::move(user);
  out["args"] = texts(plan.argv);
  out["env"] = texts(plan.env);
  out["cwd"] = plan.cwd.empty() ? "/" : plan.cwd;
  out["capabilities"] = capabilities(plan.security, machine);
  out["noNewPrivileges"] = !plan.security.allow_escalation && !plan.security.privileged;
  return out;
}

json::Value kernel_mount(const char* target,
                         const char* type,
                         std::initializer_list<const char*> options) {
  return object(
      {{"destination", target}, {"type", type}, {"source", type}, {"options", texts(options)}});
}

json::Value bind_mount(const Mount& mount) {
  if (mount.source.empty()) {
    return object({{"destination", mount.target},
                   {"type", "tmpfs"},
                   {"source", "tmpfs"},
                   {"options", texts(std::array{"nosuid", "nodev", "mode=1777"})}});
  }
  json::Array options = texts(std::array{"rbind", mount.read_only ? "ro" : "rw", "rprivate"});
  std::ranges::move(texts(mount.options), std::back_inserter(options));
  return object({{"destination", mount.target},
                 {"type", "bind"},
                 {"source", mount.source},
                 {"options", std::move(options)}});
}

json::Value mounts(const ContainerPlan& plan, const Sandbox& sandbox, const OciSettings& settings) {
  json::Array out;
  out.push_back(kernel_mount("/proc", "proc", {"nosuid", "noexec", "nodev"}));
  out.push_back(
      kernel_mount("/dev", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  out.push_back(kernel_mount("/dev/pts", "devpts",
                             {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}));
  out.push_back(
      kernel_mount("/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}));
  out.push_back(kernel_mount("/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  // The kernel refuses a sysfs that shows the machine's network to a user namespace.
  if (!sandbox.user_base || !sandbox.host_network) {
    const char* mode = plan.security.privileged ? "rw" : "ro";
    out.push_back(kernel_mount("/sys", "sysfs", {"nosuid", "noexec", "nodev", mode}));
    // Its own groups, in which a program finds what it may use.
    out.push_back(
        kernel_mount("/sys/fs/cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", mode}));
  }
  for (const Mount& mount : settings.mounts)
    out.push_back(bind_mount(mount));
  return out;
}

json::Value namespaces(const Sandbox& sandbox, const OciSettings& settings) {
  json::Array out;
  const auto add = [&](const char* type, const std::string& path) {
    json::Object name_space = object({{"type", type}});
    if (!path.empty()) name_space["path"] = path;
    out.emplace_back(std::move(name_space));
  };
  add("pid", settings.pid_namespace);
  add("ipc", settings.ipc_namespace);
  add("uts", "");
  add("mount", "");
  if (!sandbox.host_network) add("network", settings.namespaces.network);
  if (settings.unified_cgroups) out.emplace_back(object({{"type", "cgroup"}}));
  if (sandbox.user_base) add("user", settings.namespaces.user);
  return out;
}

json::Value device_nodes(const std::vector<DeviceNode>& devices) {
  json::Array out;
  for (const DeviceNode& device : devices) {
    out.emplace_back(object({{"path", device.path},
                             {"type", "c"},
                             {"major", device.major},
                             {"minor", device.minor},
                             {"fileMode", kDeviceMode},
                             {"uid", 0},
                             {"gid", 0}}));
  }
  return out;
}

json::Value device_rules(const std::vector<DeviceNode>& devices) {
  json::Array out{json::Value(object({{"allow", false}, {"access", "rwm"}}))};
  for (const DeviceNode& device : devices) {
    out.emplace_back(object({{"allow", true},
                             {"type", "c"},
                             {"major", device.major},
                             {"minor", device.minor},
                             {"access", "rw"}}));
  }
  return out;
}

void add_limits(json::Object& out, const Limits& limits) {
  if (limits.memory_bytes > 0) out["memory"] = object({{"limit", limits.memory_bytes}});
  json::Object cpu;
  cpu["shares"] = std::max<std::int64_t>(2, limits.cpu_request_millis * 1024 / 1000);
  if (limits.cpu_millis > 0) {
    cpu["quota"] = std::max<std::int64_t>(1000, limits.cpu_millis * kCpuPeriodMicros / 1000);
    cpu["period"] = kCpuPeriodMicros;
  }
  out["cpu"] = std::move(cpu);
}

json::Value resources(const ContainerPlan& plan, const OciSettings& settings) {
  json::Object out;
  if (!plan.security.privileged) out["devices"] = device_rules(settings.devices);
  add_limits(out, plan.limits);
  if (plan.limits.pids > 0) out["pids"] = object({{"limit", plan.limits.pids}});
  return out;
}

json::Value seccomp() {
  json::Array rules;
  rules.emplace_back(
      object({{"names", texts(kDeniedCalls)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", kEperm}}));
  // New namespaces by clone(); clone3() hides its flags from a filter, and libraries fall back from
  // it.
  for (const std::int64_t flag : kNamespaceFlags) {
    const json::Object argument =
        object({{"index", 0}, {"value", flag}, {"valueTwo", flag}, {"op", "SCMP_CMP_MASKED_EQ"}});
    rules.emplace_back(object({{"names", texts(std::array{"clone"})},
                               {"action", "SCMP_ACT_ERRNO"},
                               {"errnoRet", kEperm},
                               {"args", json::Array{json::Value(argument)}}}));
  }
  rules.emplace_back(object({{"names", texts(std::array{"clone3"})},
                             {"action", "SCMP_ACT_ERRNO"},
                             {"errnoRet", kEnosys}}));
  return object({{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", std::move(rules)}});
}

json::Value id_mappings(std::uint32_t base) {
  return json::Array{
      json::Value(object({{"containerID", 0}, {"hostID", base}, {"size", kUserNamespaceIds}}))};
}

}  // namespace

// What is left out stays as it was, so that no limit has to be said. Of cpu it cannot be: crun 1.8
// fails on a quota of -1 under version 1 of control groups.
std::string oci_resources(const Limits& limits) {
  constexpr std::int64_t kUnlimited = -1;
  json::Object out;
  if (limits.memory_bytes <= 0) out["memory"] = object({{"limit", kUnlimited}});
  add_limits(out, limits);
  return json::write(json::Value(std::move(out)));
}

std::string oci_config(const ContainerPlan& plan,
                       const Sandbox& sandbox,
                       const OciSettings& settings) {
  json::Object linux_part;
  linux_part["namespaces"] = namespaces(sandbox, settings);
  linux_part["cgroupsPath"] = settings.cgroup_path;
  linux_part["resources"] = resources(plan, settings);
  if (!settings.devices.empty()) linux_part["devices"] = device_nodes(settings.devices);
  if (sandbox.user_base) {
    linux_part["uidMappings"] = id_mappings(*sandbox.user_base);
    linux_part["gidMappings"] = id_mappings(*sandbox.user_base);
  }
  const bool admin =
      plan.security.privileged ||
      container_capabilities(plan.security, settings.machine_capabilities).contains("SYS_ADMIN");
  if (!admin && !plan.security.unconfined_syscalls) linux_part["seccomp"] = seccomp();
  if (!plan.security.privileged) {
    linux_part["maskedPaths"] = texts(kMaskedPaths);
    linux_part["readonlyPaths"] = texts(kReadOnlyPaths);
  }
  json::Object out;
  out["ociVersion"] = "1.0.2";
  out["process"] = process(plan, settings.machine_capabilities);
  out["root"] = object({{"path", "rootfs"}, {"readonly", plan.security.read_only_root}});
  out["hostname"] = sandbox.hostname;
  out["mounts"] = mounts(plan, sandbox, settings);
  out["linux"] = std::move(linux_part);
  return json::write(json::Value(std::move(out)));
}

Result<std::string> oci_process(std::string_view config,
                                const std::vector<std::string>& argv,
                                bool tty) {
  INSULA_TRY(json::Value container, json::parse(config));
  json::Object* root = container.as_object();
  json::Value* process = root == nullptr ? nullptr : root->find("process");
  json::Object* out = process == nullptr ? nullptr : process->as_object();
  if (out == nullptr)
    return fail(ErrorCode::kInternal, "the container's config.json has no process");
  (*out)["args"] = texts(argv);
  (*out)["terminal"] = tty;
  return json::write(*process);
}

}  // namespace insula::node
