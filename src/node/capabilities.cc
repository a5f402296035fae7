#include "node/capabilities.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <sys/prctl.h>

namespace insula::node {
namespace {

constexpr std::array kDefaultCapabilities = {
    "CHOWN",  "DAC_OVERRIDE", "FSETID",  "FOWNER", "MKNOD",      "NET_RAW",     "SETGID",
    "SETUID", "SETFCAP",      "SETPCAP", "KILL",   "SYS_CHROOT", "AUDIT_WRITE", "NET_BIND_SERVICE"};

/// In the order of their numbers in linux/capability.h, of Linux 6.1.
constexpr std::array kCapabilities = {"CHOWN",
                                      "DAC_OVERRIDE",
                                      "DAC_READ_SEARCH",
                                      "FOWNER",
                                      "FSETID",
                                      "KILL",
                                      "SETGID",
                                      "SETUID",
                                      "SETPCAP",
                                      "LINUX_IMMUTABLE",
                                      "NET_BIND_SERVICE",
                                      "NET_BROADCAST",
                                      "NET_ADMIN",
                                      "NET_RAW",
                                      "IPC_LOCK",
                                      "IPC_OWNER",
                                      "SYS_MODULE",
                                      "SYS_RAWIO",
                                      "SYS_CHROOT",
                                      "SYS_PTRACE",
                                      "SYS_PACCT",
                                      "SYS_ADMIN",
                                      "SYS_BOOT",
                                      "SYS_NICE",
                                      "SYS_RESOURCE",
                                      "SYS_TIME",
                                      "SYS_TTY_CONFIG",
                                      "MKNOD",
                                      "LEASE",
                                      "AUDIT_WRITE",
                                      "AUDIT_CONTROL",
                                      "SETFCAP",
                                      "MAC_OVERRIDE",
                                      "MAC_ADMIN",
                                      "SYSLOG",
                                      "WAKE_ALARM",
                                      "BLOCK_SUSPEND",
                                      "AUDIT_READ",
                                      "PERFMON",
                                      "BPF",
                                      "CHECKPOINT_RESTORE"};

constexpr const char* kAll = "ALL";

/// As kubelet's runtimes read them: in either case, with CAP_ or without.
CapabilitySet names_of(const std::vector<std::string>& list) {
  CapabilitySet out;
  for (std::string name : list) {
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    out.insert(name.starts_with("CAP_") ? name.substr(4) : name);
  }
  return out;
}

}  // namespace

CapabilitySet machine_capabilities() {
  CapabilitySet out;
  for (unsigned long number = 0; number < kCapabilities.size(); ++number) {
    if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) out.insert(kCapabilities.at(number));
  }
  return out;
}

CapabilitySet container_capabilities(const Security& security, const CapabilitySet& machine) {
  if (security.privileged) return machine;
  const CapabilitySet added = names_of(security.capabilities_add);
  const CapabilitySet dropped = names_of(security.capabilities_drop);
  CapabilitySet out;
  if (added.contains(kAll)) {
    out = machine;
  } else {
    out.insert(kDefaultCapabilities.begin(), kDefaultCapabilities.end());
  }
  if (dropped.contains(kAll)) out.clear();
  for (const std::string& name : added) {
    if (name != kAll) out.insert(name);
  }
  for (const std::string& name : dropped)
    out.erase(name);
  return out;
}

}  // namespace insula::node
