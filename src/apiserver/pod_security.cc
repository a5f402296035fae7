#include "apiserver/pod_security.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::array kHarmlessCapabilities = {
    "AUDIT_WRITE"sv, "CHOWN"sv,  "DAC_OVERRIDE"sv,     "FOWNER"sv,  "FSETID"sv,
    "KILL"sv,        "MKNOD"sv,  "NET_BIND_SERVICE"sv, "SETFCAP"sv, "SETGID"sv,
    "SETPCAP"sv,     "SETUID"sv, "SYS_CHROOT"sv};

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
  if (why.empty()) return {};
  return fmt::format("violates PodSecurity \"baseline:latest\": {}", fmt::join(why, ", "));
}

}  // namespace insula::apiserver
