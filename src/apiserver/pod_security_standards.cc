#include "apiserver/pod_security_standards.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

/// Minor versions with which a control came or changed.
constexpr unsigned kEscalationFrom = 8;
constexpr unsigned kSeccompFieldFrom = 19;
constexpr unsigned kDropAllFrom = 22;
constexpr unsigned kRunAsUserFrom = 23;
constexpr unsigned kWindowsExemptFrom = 25;
constexpr unsigned kSeLinuxEngineFrom = 31;
constexpr unsigned kProbeHostFrom = 34;

constexpr std::array kDefaultCapabilities = {
    "AUDIT_WRITE"sv, "CHOWN"sv,  "DAC_OVERRIDE"sv,     "FOWNER"sv,  "FSETID"sv,
    "KILL"sv,        "MKNOD"sv,  "NET_BIND_SERVICE"sv, "SETFCAP"sv, "SETGID"sv,
    "SETPCAP"sv,     "SETUID"sv, "SYS_CHROOT"sv};
constexpr std::array kSeLinuxTypes = {""sv, "container_t"sv, "container_init_t"sv,
                                      "container_kvm_t"sv};

/// With the minor version from which each is safe.
constexpr std::array<std::pair<std::string_view, unsigned>, 12> kSafeSysctls = {{
    {"kernel.shm_rmid_forced", 0},
    {"net.ipv4.ip_local_port_range", 0},
    {"net.ipv4.tcp_syncookies", 0},
    {"net.ipv4.ping_group_range", 0},
    {"net.ipv4.ip_unprivileged_port_start", 0},
    {"net.ipv4.ip_local_reserved_ports", 27},
    {"net.ipv4.tcp_keepalive_time", 29},
    {"net.ipv4.tcp_fin_timeout", 29},
    {"net.ipv4.tcp_keepalive_intvl", 29},
    {"net.ipv4.tcp_keepalive_probes", 29},
    {"net.ipv4.tcp_rmem", 32},
    {"net.ipv4.tcp_wmem", 32},
}};

constexpr std::string_view kAppArmorAnnotation = "container.apparmor.security.beta.kubernetes.io/";
constexpr std::string_view kSeccompPodAnnotation = "seccomp.security.alpha.kubernetes.io/pod";
constexpr std::string_view kSeccompAnnotation = "container.seccomp.security.alpha.kubernetes.io/";

using Words = std::vector<std::string>;
using WordSet = std::set<std::string, std::less<>>;
using Violation = PodSecurityViolation;
using Violations = std::vector<Violation>;

/// What the controls look at in a container, of whichever of the three sorts it is.
struct ContainerView {
  std::string name;
  const api::SecurityContext* security;
  std::span<const api::ContainerPort> ports;
  std::array<const api::Probe*, 3> probes;
  const api::Lifecycle* lifecycle;
};

struct PodView {
  unsigned minor;
  const api::ObjectMeta& metadata;
  const api::PodSpec& spec;
  const api::PodSecurityContext* security;
  std::vector<ContainerView> containers;

  [[nodiscard]] bool is_windows() const {
    return minor >= kWindowsExemptFrom && spec.os && spec.os->name == "windows";
  }
};

template <class Member>
auto* pointer_to(Member& member) {
  return member ? &*member : nullptr;
}

template <class Container>
ContainerView view_of(const Container& container) {
  return {container.name,
          pointer_to(container.security_context),
          container.ports,
          {pointer_to(container.liveness_probe), pointer_to(container.readiness_probe),
           pointer_to(container.startup_probe)},
          pointer_to(container.lifecycle)};
}

PodView view_of(unsigned minor, const api::ObjectMeta& metadata, const api::PodSpec& spec) {
  PodView view{minor, metadata, spec, pointer_to(spec.security_context), {}};
  for (const api::Container& container : spec.init_containers)
    view.containers.push_back(view_of(container));
  for (const api::Container& container : spec.containers)
    view.containers.push_back(view_of(container));
  for (const api::EphemeralContainer& container : spec.ephemeral_containers)
    view.containers.push_back(view_of(container.ephemeral_container_common));
  return view;
}

std::string quoted(const auto& words) {
  Words out;
  for (const auto& word : words)
    out.push_back(fmt::format("\"{}\"", word));
  return fmt::format("{}", fmt::join(out, ", "));
}

std::string_view plural(std::size_t count, std::string_view one, std::string_view many) {
  return count == 1 ? one : many;
}

/// `container "a"`, `containers "a", "b"`.
std::string containers_text(const Words& names) {
  return fmt::format("{} {}", plural(names.size(), "container", "containers"), quoted(names));
}

Words names_of(const PodView& pod, const auto& offends) {
  Words out;
  for (const ContainerView& container : pod.containers) {
    if (offends(container)) out.push_back(container.name);
  }
  return out;
}

/// `pod and containers "a", "b"`: whose security context offends; empty when nobody's does.
std::string setters(const PodView& pod, const auto& offends) {
  Words who;
  if (pod.security != nullptr && offends(*pod.security)) who.emplace_back("pod");
  const Words names = names_of(pod, [&](const ContainerView& container) {
    return container.security != nullptr && offends(*container.security);
  });
  if (!names.empty()) who.push_back(containers_text(names));
  return fmt::format("{}", fmt::join(who, " and "));
}

void check_app_armor(const PodView& pod, Violations& out) {
  WordSet values;
  std::string who = setters(pod, [&](const auto& context) {
    if (!context.app_armor_profile) return false;
    const std::string& type = context.app_armor_profile->type;
    if (type == "RuntimeDefault" || type == "Localhost") return false;
    values.insert(type);
    return true;
  });
  Words shown(values.begin(), values.end());
  Words annotations;
  for (const auto& [key, value] : pod.metadata.annotations) {
    const bool allowed =
        value.empty() || value == "runtime/default" || value.starts_with("localhost/");
    if (key.starts_with(kAppArmorAnnotation) && !allowed)
      annotations.push_back(fmt::format("{}=\"{}\"", key, value));
  }
  if (!annotations.empty()) {
    who += fmt::format("{}{}", who.empty() ? "" : " and ",
                       plural(annotations.size(), "annotation", "annotations"));
    shown.insert(shown.end(), annotations.begin(), annotations.end());
  }
  if (who.empty()) return;
  out.push_back({std::string(plural(shown.size(), "forbidden AppArmor profile",
                                    "forbidden AppArmor profiles")),
                 fmt::format("{} must not set AppArmor profile type to {}", who, quoted(shown))});
}

/// What containers add of capabilities beyond those allowed, and which containers do.
std::pair<Words, WordSet> added_capabilities(const PodView& pod,
                                             std::span<const std::string_view> allowed) {
  WordSet added;
  Words names = names_of(pod, [&](const ContainerView& container) {
    if (container.security == nullptr || !container.security->capabilities) return false;
    bool offends = false;
    for (const std::string& name : container.security->capabilities->add) {
      if (std::ranges::find(allowed, name) != allowed.end()) continue;
      added.insert(name);
      offends = true;
    }
    return offends;
  });
  return {std::move(names), std::move(added)};
}

std::string added_text(const Words& names, const WordSet& added) {
  return fmt::format("{} must not include {} in securityContext.capabilities.add",
                     containers_text(names), quoted(added));
}

void check_default_capabilities(const PodView& pod, Violations& out) {
  const auto [names, added] = added_capabilities(pod, kDefaultCapabilities);
  if (!names.empty()) out.push_back({"non-default capabilities", added_text(names, added)});
}

void check_host_namespaces(const PodView& pod, Violations& out) {
  Words host;
  if (pod.spec.host_network) host.emplace_back("hostNetwork=true");
  if (pod.spec.host_pid) host.emplace_back("hostPID=true");
  if (pod.spec.host_ipc) host.emplace_back("hostIPC=true");
  if (!host.empty()) out.push_back({"host namespaces", fmt::format("{}", fmt::join(host, ", "))});
}

void check_host_paths(const PodView& pod, Violations& out) {
  Words volumes;
  for (const api::Volume& volume : pod.spec.volumes) {
    if (volume.volume_source.host_path) volumes.push_back(volume.name);
  }
  if (!volumes.empty())
    out.push_back(
        {"hostPath volumes",
         fmt::format("{} {}", plural(volumes.size(), "volume", "volumes"), quoted(volumes))});
}

void check_host_ports(const PodView& pod, Violations& out) {
  WordSet ports;
  const Words names = names_of(pod, [&](const ContainerView& container) {
    bool offends = false;
    for (const api::ContainerPort& port : container.ports) {
      if (port.host_port == 0) continue;
      ports.insert(std::to_string(port.host_port));
      offends = true;
    }
    return offends;
  });
  if (names.empty()) return;
  out.push_back(
      {"hostPort",
       fmt::format("{} {} {} {}", containers_text(names), plural(names.size(), "uses", "use"),
                   plural(ports.size(), "hostPort", "hostPorts"), fmt::join(ports, ", "))});
}

template <class Handler>
void collect_hosts(const Handler& handler, WordSet& hosts) {
  if (handler.http_get && !handler.http_get->host.empty()) hosts.insert(handler.http_get->host);
  if (handler.tcp_socket && !handler.tcp_socket->host.empty())
    hosts.insert(handler.tcp_socket->host);
}

/// The node asks these from its own network.
void check_probe_hosts(const PodView& pod, Violations& out) {
  if (pod.minor < kProbeHostFrom) return;
  WordSet all;
  const Words names = names_of(pod, [&](const ContainerView& container) {
    WordSet hosts;
    for (const api::Probe* probe : container.probes) {
      if (probe != nullptr) collect_hosts(probe->handler, hosts);
    }
    if (container.lifecycle != nullptr) {
      if (container.lifecycle->post_start) collect_hosts(*container.lifecycle->post_start, hosts);
      if (container.lifecycle->pre_stop) collect_hosts(*container.lifecycle->pre_stop, hosts);
    }
    all.insert(hosts.begin(), hosts.end());
    return !hosts.empty();
  });
  if (names.empty()) return;
  out.push_back(
      {"probe or lifecycle host",
       fmt::format("{} {} {} {}", containers_text(names), plural(names.size(), "uses", "use"),
                   plural(all.size(), "probe or lifecycle host", "probe or lifecycle hosts"),
                   quoted(all))});
}

void check_privileged(const PodView& pod, Violations& out) {
  const Words names = names_of(pod, [](const ContainerView& container) {
    return container.security != nullptr && container.security->privileged.value_or(false);
  });
  if (!names.empty())
    out.push_back({"privileged", fmt::format("{} must not set securityContext.privileged=true",
                                             containers_text(names))});
}

void check_proc_mount(const PodView& pod, Violations& out) {
  WordSet types;
  const Words names = names_of(pod, [&](const ContainerView& container) {
    if (container.security == nullptr) return false;
    const std::string type = container.security->proc_mount.value_or("Default");
    if (type == "Default") return false;
    types.insert(type);
    return true;
  });
  if (!names.empty())
    out.push_back({"procMount", fmt::format("{} must not set securityContext.procMount to {}",
                                            containers_text(names), quoted(types))});
}

void check_se_linux(const PodView& pod, Violations& out) {
  WordSet types;
  bool user = false;
  bool role = false;
  const auto is_allowed = [&](const std::string& type) {
    return std::ranges::find(kSeLinuxTypes, type) != kSeLinuxTypes.end() ||
           (type == "container_engine_t" && pod.minor >= kSeLinuxEngineFrom);
  };
  const std::string who = setters(pod, [&](const auto& context) {
    if (!context.se_linux_options) return false;
    const auto& options = *context.se_linux_options;
    const bool bad_type = !is_allowed(options.type);
    if (bad_type) types.insert(options.type);
    user |= !options.user.empty();
    role |= !options.role.empty();
    return bad_type || !options.user.empty() || !options.role.empty();
  });
  if (who.empty()) return;
  Words what;
  if (!types.empty())
    what.push_back(fmt::format("{} {}", plural(types.size(), "type", "types"), quoted(types)));
  if (user) what.emplace_back("user may not be set");
  if (role) what.emplace_back("role may not be set");
  out.push_back(
      {"seLinuxOptions", fmt::format("{} set forbidden securityContext.seLinuxOptions: {}", who,
                                     fmt::join(what, "; "))});
}

bool is_profile(const std::string& type) {
  return type == "RuntimeDefault" || type == "Localhost";
}

/// Before there were fields for it, annotations said what is unconfined.
void check_seccomp_annotations(const PodView& pod, Violations& out) {
  WordSet forbidden;
  for (const auto& [key, value] : pod.metadata.annotations) {
    if (value != "unconfined") continue;
    if (key == kSeccompPodAnnotation || key.starts_with(kSeccompAnnotation))
      forbidden.insert(fmt::format("{}=\"{}\"", key, value));
  }
  if (forbidden.empty()) return;
  out.push_back(
      {"seccompProfile",
       fmt::format("forbidden {} {}", plural(forbidden.size(), "annotation", "annotations"),
                   fmt::join(forbidden, ", "))});
}

void check_seccomp(const PodView& pod, Violations& out) {
  if (pod.minor < kSeccompFieldFrom) return check_seccomp_annotations(pod, out);
  WordSet values;
  const std::string who = setters(pod, [&](const auto& context) {
    if (!context.seccomp_profile || is_profile(context.seccomp_profile->type)) return false;
    values.insert(context.seccomp_profile->type);
    return true;
  });
  if (!who.empty())
    out.push_back(
        {"seccompProfile", fmt::format("{} must not set securityContext.seccompProfile.type to {}",
                                       who, quoted(values))});
}

void check_sysctls(const PodView& pod, Violations& out) {
  if (pod.security == nullptr) return;
  Words forbidden;
  for (const api::Sysctl& sysctl : pod.security->sysctls) {
    const auto known =
        std::ranges::find(kSafeSysctls, sysctl.name, [](const auto& entry) { return entry.first; });
    if (known == kSafeSysctls.end() || pod.minor < known->second) forbidden.push_back(sysctl.name);
  }
  if (!forbidden.empty())
    out.push_back({"forbidden sysctls", fmt::format("{}", fmt::join(forbidden, ", "))});
}

void check_host_process(const PodView& pod, Violations& out) {
  const std::string who = setters(pod, [](const auto& context) {
    return context.windows_options && context.windows_options->host_process.value_or(false);
  });
  if (!who.empty())
    out.push_back(
        {"hostProcess",
         fmt::format("{} must not set securityContext.windowsOptions.hostProcess=true", who)});
}

void check_escalation(const PodView& pod, Violations& out) {
  if (pod.minor < kEscalationFrom || pod.is_windows()) return;
  const Words names = names_of(pod, [](const ContainerView& container) {
    return container.security == nullptr ||
           container.security->allow_privilege_escalation.value_or(true);
  });
  if (!names.empty())
    out.push_back({"allowPrivilegeEscalation != false",
                   fmt::format("{} must set securityContext.allowPrivilegeEscalation=false",
                               containers_text(names))});
}

void check_all_capabilities(const PodView& pod, Violations& out) {
  if (pod.is_windows()) return;
  const Words keeping = names_of(pod, [](const ContainerView& container) {
    if (container.security == nullptr || !container.security->capabilities) return true;
    const auto& drop = container.security->capabilities->drop;
    return std::ranges::find(drop, "ALL") == drop.end();
  });
  constexpr std::array kAllowed = {"NET_BIND_SERVICE"sv};
  const auto [adding, added] = added_capabilities(pod, kAllowed);
  Words details;
  if (!keeping.empty())
    details.push_back(fmt::format("{} must set securityContext.capabilities.drop=[\"ALL\"]",
                                  containers_text(keeping)));
  if (!adding.empty()) details.push_back(added_text(adding, added));
  if (!details.empty())
    out.push_back({"unrestricted capabilities", fmt::format("{}", fmt::join(details, "; "))});
}

/// The member of a volume's source that is set, unless it is one that restricted pods may have;
/// empty for those.
std::string_view restricted_type(const api::VolumeSource& source) {
  const std::pair<bool, std::string_view> types[] = {
      {source.host_path.has_value(), "hostPath"},
      {source.gce_persistent_disk.has_value(), "gcePersistentDisk"},
      {source.aws_elastic_block_store.has_value(), "awsElasticBlockStore"},
      {source.git_repo.has_value(), "gitRepo"},
      {source.nfs.has_value(), "nfs"},
      {source.iscsi.has_value(), "iscsi"},
      {source.glusterfs.has_value(), "glusterfs"},
      {source.rbd.has_value(), "rbd"},
      {source.flex_volume.has_value(), "flexVolume"},
      {source.cinder.has_value(), "cinder"},
      {source.cephfs.has_value(), "cephfs"},
      {source.flocker.has_value(), "flocker"},
      {source.fc.has_value(), "fc"},
      {source.azure_file.has_value(), "azureFile"},
      {source.vsphere_volume.has_value(), "vsphereVolume"},
      {source.quobyte.has_value(), "quobyte"},
      {source.azure_disk.has_value(), "azureDisk"},
      {source.portworx_volume.has_value(), "portworxVolume"},
      {source.photon_persistent_disk.has_value(), "photonPersistentDisk"},
      {source.scale_io.has_value(), "scaleIO"},
      {source.storageos.has_value(), "storageos"},
  };
  for (const auto& [set, name] : types) {
    if (set) return name;
  }
  return {};
}

void check_volume_types(const PodView& pod, Violations& out) {
  Words volumes;
  WordSet types;
  for (const api::Volume& volume : pod.spec.volumes) {
    const std::string_view type = restricted_type(volume.volume_source);
    if (type.empty()) continue;
    volumes.push_back(volume.name);
    types.emplace(type);
  }
  if (volumes.empty()) return;
  out.push_back(
      {"restricted volume types",
       fmt::format("{} {} {} {} {}", plural(volumes.size(), "volume", "volumes"), quoted(volumes),
                   plural(volumes.size(), "uses", "use"),
                   plural(types.size(), "restricted volume type", "restricted volume types"),
                   quoted(types))});
}

void check_run_as_non_root(const PodView& pod, Violations& out) {
  const std::string reason = "runAsNonRoot != true";
  const std::string who =
      setters(pod, [](const auto& context) { return !context.run_as_non_root.value_or(true); });
  if (!who.empty()) {
    out.push_back({reason, fmt::format("{} must not set securityContext.runAsNonRoot=false", who)});
    return;
  }
  if (pod.security != nullptr && pod.security->run_as_non_root.value_or(false)) return;
  const Words names = names_of(pod, [](const ContainerView& container) {
    return container.security == nullptr || !container.security->run_as_non_root;
  });
  if (!names.empty())
    out.push_back({reason, fmt::format("pod or {} must set securityContext.runAsNonRoot=true",
                                       containers_text(names))});
}

void check_run_as_user(const PodView& pod, Violations& out) {
  if (pod.minor < kRunAsUserFrom) return;
  const std::string who =
      setters(pod, [](const auto& context) { return context.run_as_user == 0; });
  if (!who.empty()) out.push_back({"runAsUser=0", fmt::format("{} must not set runAsUser=0", who)});
}

void check_seccomp_set(const PodView& pod, Violations& out) {
  const std::size_t before = out.size();
  check_seccomp(pod, out);
  if (out.size() != before || pod.minor < kSeccompFieldFrom || pod.is_windows()) return;
  if (pod.security != nullptr && pod.security->seccomp_profile) return;
  const Words names = names_of(pod, [](const ContainerView& container) {
    return container.security == nullptr || !container.security->seccomp_profile;
  });
  if (!names.empty())
    out.push_back(
        {"seccompProfile", fmt::format("pod or {} must set securityContext.seccompProfile.type to "
                                       "\"RuntimeDefault\" or \"Localhost\"",
                                       containers_text(names))});
}

}  // namespace

std::string PodSecurityPolicy::text() const {
  constexpr std::array kNames = {"privileged", "baseline", "restricted"};
  return fmt::format("{}:{}", kNames.at(static_cast<std::size_t>(level)),
                     minor ? fmt::format("v1.{}", *minor) : "latest");
}

std::vector<PodSecurityViolation> violations_of(const PodSecurityPolicy& policy,
                                                const api::ObjectMeta& metadata,
                                                const api::PodSpec& spec) {
  Violations out;
  if (policy.level == PodSecurityLevel::kPrivileged) return out;
  const bool restricted = policy.level == PodSecurityLevel::kRestricted;
  const PodView pod = view_of(policy.minor.value_or(kProbeHostFrom), metadata, spec);
  const bool drops_all = restricted && pod.minor >= kDropAllFrom;
  check_app_armor(pod, out);
  if (!drops_all) check_default_capabilities(pod, out);
  check_host_namespaces(pod, out);
  if (!restricted) check_host_paths(pod, out);
  check_host_ports(pod, out);
  check_probe_hosts(pod, out);
  check_privileged(pod, out);
  check_proc_mount(pod, out);
  check_se_linux(pod, out);
  if (!restricted) check_seccomp(pod, out);
  check_sysctls(pod, out);
  check_host_process(pod, out);
  if (!restricted) return out;
  check_escalation(pod, out);
  if (drops_all) check_all_capabilities(pod, out);
  check_volume_types(pod, out);
  check_run_as_non_root(pod, out);
  check_run_as_user(pod, out);
  check_seccomp_set(pod, out);
  return out;
}

}  // namespace insula::apiserver
