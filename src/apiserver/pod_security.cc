#include "apiserver/pod_security.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "api/pod_support.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::array kHarmlessCapabilities = {
    "AUDIT_WRITE"sv, "CHOWN"sv,  "DAC_OVERRIDE"sv,     "FOWNER"sv,  "FSETID"sv,
    "KILL"sv,        "MKNOD"sv,  "NET_BIND_SERVICE"sv, "SETFCAP"sv, "SETGID"sv,
    "SETPCAP"sv,     "SETUID"sv, "SYS_CHROOT"sv};

/// Spec: Kubernetes, "Pod Security Standards", baseline.
constexpr std::array kSafeSysctls = {
    "kernel.shm_rmid_forced"sv,           "net.ipv4.ip_local_port_range"sv,
    "net.ipv4.ip_local_reserved_ports"sv, "net.ipv4.ip_unprivileged_port_start"sv,
    "net.ipv4.ping_group_range"sv,        "net.ipv4.tcp_fin_timeout"sv,
    "net.ipv4.tcp_keepalive_intvl"sv,     "net.ipv4.tcp_keepalive_probes"sv,
    "net.ipv4.tcp_keepalive_time"sv,      "net.ipv4.tcp_rmem"sv,
    "net.ipv4.tcp_syncookies"sv,          "net.ipv4.tcp_wmem"sv};
constexpr std::array kContainerSeLinuxTypes = {""sv, "container_t"sv, "container_init_t"sv,
                                               "container_kvm_t"sv, "container_engine_t"sv};

using Words = std::vector<std::string>;

std::string quoted(const Words& words) {
  std::string out;
  for (const std::string& word : words)
    out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", word);
  return out;
}

Words names_of(const api::Pod& pod, const std::function<bool(const api::Container&)>& offends) {
  Words out;
  for (const auto* list : {&pod.spec.init_containers, &pod.spec.containers}) {
    for (const api::Container& container : *list) {
      if (offends(container)) out.push_back(container.name);
    }
  }
  return out;
}

/// `container "a"`, `containers "a", "b"`.
std::string containers(const Words& names) {
  return fmt::format("container{} {}", names.size() > 1 ? "s" : "", quoted(names));
}

bool is_privileged(const api::Container& container) {
  return container.security_context && container.security_context->privileged.value_or(false);
}

bool has_host_port(const api::Container& container) {
  return std::ranges::any_of(container.ports,
                             [](const api::ContainerPort& port) { return port.host_port != 0; });
}

bool adds_capabilities(const api::Container& container) {
  if (!container.security_context || !container.security_context->capabilities) return false;
  return std::ranges::any_of(
      container.security_context->capabilities->add, [](const std::string& name) {
        return std::ranges::find(kHarmlessCapabilities, name) == kHarmlessCapabilities.end();
      });
}

bool unmasks_proc(const api::Container& container) {
  return container.security_context &&
         container.security_context->proc_mount.value_or("Default") != "Default";
}

/// The security context of a pod or of a container, either of which may set what follows.
template <class Context>
bool is_unconfined(const Context& context) {
  return context.seccomp_profile && context.seccomp_profile->type == "Unconfined";
}

template <class Context>
bool is_unconfined_by_app_armor(const Context& context) {
  return context.app_armor_profile && context.app_armor_profile->type == "Unconfined";
}

template <class Context>
bool changes_se_linux(const Context& context) {
  const auto& options = context.se_linux_options;
  return options &&
         (!options->user.empty() || !options->role.empty() ||
          std::ranges::find(kContainerSeLinuxTypes, options->type) == kContainerSeLinuxTypes.end());
}

template <class Context>
bool is_host_process(const Context& context) {
  return context.windows_options && context.windows_options->host_process.value_or(false);
}

/// `pod and container "a"`: whose security context offends; empty when nobody's does.
std::string offenders(const api::Pod& pod, const auto& offends) {
  Words who;
  if (pod.spec.security_context && offends(*pod.spec.security_context)) who.emplace_back("pod");
  const Words names = names_of(pod, [&](const api::Container& container) {
    return container.security_context && offends(*container.security_context);
  });
  if (!names.empty()) who.push_back(containers(names));
  return fmt::format("{}", fmt::join(who, " and "));
}

/// What security contexts may not set, at either level.
void check_contexts(const api::Pod& pod, Words& why) {
  if (const auto who = offenders(pod, [](const auto& c) { return is_unconfined(c); }); !who.empty())
    why.push_back(fmt::format(
        "seccompProfile ({} must not set securityContext.seccompProfile.type to \"Unconfined\")",
        who));
  if (const auto who = offenders(pod, [](const auto& c) { return is_unconfined_by_app_armor(c); });
      !who.empty())
    why.push_back(fmt::format(
        "forbidden AppArmor profile ({} must not set AppArmor profile type to \"Unconfined\")",
        who));
  if (const auto who = offenders(pod, [](const auto& c) { return changes_se_linux(c); });
      !who.empty())
    why.push_back(
        fmt::format("seLinuxOptions ({} set forbidden securityContext.seLinuxOptions)", who));
  if (const auto who = offenders(pod, [](const auto& c) { return is_host_process(c); });
      !who.empty())
    why.push_back(fmt::format(
        "hostProcess ({} must not set securityContext.windowsOptions.hostProcess=true)", who));
  Words sysctls;
  if (pod.spec.security_context) {
    for (const api::Sysctl& sysctl : pod.spec.security_context->sysctls) {
      if (std::ranges::find(kSafeSysctls, sysctl.name) == kSafeSysctls.end())
        sysctls.push_back(sysctl.name);
    }
  }
  if (!sysctls.empty())
    why.push_back(fmt::format("forbidden sysctls ({})", fmt::join(sysctls, ", ")));
}

}  // namespace

std::string baseline_violation(const api::Pod& pod) {
  Words why;
  Words host;
  if (pod.spec.host_network) host.emplace_back("hostNetwork=true");
  if (pod.spec.host_pid) host.emplace_back("hostPID=true");
  if (pod.spec.host_ipc) host.emplace_back("hostIPC=true");
  if (!host.empty()) why.push_back(fmt::format("host namespaces ({})", fmt::join(host, ", ")));
  Words volumes;
  for (const api::Volume& volume : pod.spec.volumes) {
    if (volume.volume_source.host_path) volumes.push_back(volume.name);
  }
  if (!volumes.empty())
    why.push_back(fmt::format("hostPath volumes (volume{} {})", volumes.size() > 1 ? "s" : "",
                              quoted(volumes)));
  if (const Words names = names_of(pod, is_privileged); !names.empty())
    why.push_back(fmt::format("privileged ({} must not set securityContext.privileged=true)",
                              containers(names)));
  if (const Words names = names_of(pod, has_host_port); !names.empty())
    why.push_back(fmt::format("hostPort ({} must not use hostPorts)", containers(names)));
  if (const Words names = names_of(pod, adds_capabilities); !names.empty()) {
    why.push_back(fmt::format(
        "non-default capabilities ({} must not add them in securityContext.capabilities.add)",
        containers(names)));
  }
  if (const Words names = names_of(pod, unmasks_proc); !names.empty())
    why.push_back(
        fmt::format("procMount ({} must not change securityContext.procMount)", containers(names)));
  if (const Words names = names_of(pod, api::names_probe_host); !names.empty()) {
    why.push_back(
        fmt::format("probe or lifecycle host ({} must not set host in probes and lifecycle hooks)",
                    containers(names)));
  }
  check_contexts(pod, why);
  if (why.empty()) return {};
  return fmt::format("violates PodSecurity \"baseline:latest\": {}", fmt::join(why, ", "));
}

}  // namespace insula::apiserver
