#include <limits>
#include <set>

#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::int64_t kIdMax = std::numeric_limits<std::int32_t>::max();

void validate_id(std::int64_t id, const FieldPath& path, FieldErrors& errors) {
  if (id < 0 || id > kIdMax) errors.invalid(path, id, range_complaint(0, kIdMax));
}

/// For SeccompProfile and AppArmorProfile, which differ in their name only.
template <class Profile>
void validate_profile(const Profile& profile,
                      std::string_view field,
                      std::string_view what,
                      const FieldPath& path,
                      FieldErrors& errors) {
  const std::string text(what);
  if (profile.type.empty()) {
    errors.required(path.child("type"), "type is required when " + std::string(field) + " is set");
  } else if (profile.type != "Localhost" && profile.type != "RuntimeDefault" &&
             profile.type != "Unconfined") {
    errors.not_supported(path.child("type"), profile.type,
                         {"Localhost", "RuntimeDefault", "Unconfined"});
  }
  if (profile.type == "Localhost") {
    if (!profile.localhost_profile || profile.localhost_profile->empty()) {
      errors.required(path.child("localhostProfile"),
                      "must be set when " + text + " type is Localhost");
    }
  } else if (profile.localhost_profile) {
    errors.invalid(path.child("localhostProfile"), *profile.localhost_profile,
                   "can only be set when " + text + " type is Localhost");
  }
}

/// Members that both contexts have.
template <class Context>
void validate_common(const Context& security, const FieldPath& path, FieldErrors& errors) {
  if (security.run_as_user) validate_id(*security.run_as_user, path.child("runAsUser"), errors);
  if (security.run_as_group) validate_id(*security.run_as_group, path.child("runAsGroup"), errors);
  if (security.seccomp_profile) {
    validate_profile(*security.seccomp_profile, "seccompProfile", "seccomp",
                     path.child("seccompProfile"), errors);
  }
  if (security.app_armor_profile) {
    validate_profile(*security.app_armor_profile, "appArmorProfile", "AppArmor",
                     path.child("appArmorProfile"), errors);
  }
}

constexpr std::size_t kSysctlMax = 253;
constexpr std::string_view kSysctlComplaint =
    "must have at most 253 characters and match regex "
    "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// Words of letters, digits, `-` and `_` with dots or slashes between them.
bool is_sysctl_name(std::string_view name) {
  constexpr std::string_view kEnds = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kInner = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  if (name.size() > kSysctlMax) return false;
  while (true) {
    const std::size_t end = name.find_first_of("./");
    const std::string_view word = name.substr(0, end);
    if (word.empty() || kEnds.find(word.front()) == std::string_view::npos ||
        kEnds.find(word.back()) == std::string_view::npos ||
        word.find_first_not_of(kInner) != std::string_view::npos)
      return false;
    if (end == std::string_view::npos) return true;
    name.remove_prefix(end + 1);
  }
}

void validate_sysctls(const std::vector<Sysctl>& sysctls,
                      const FieldPath& path,
                      FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < sysctls.size(); ++i) {
    const std::string& name = sysctls[i].name;
    const FieldPath at = path.index(i).child("name");
    if (name.empty()) {
      errors.required(at);
    } else if (!is_sysctl_name(name)) {
      errors.invalid(at, name, kSysctlComplaint);
    } else if (!seen.insert(name).second) {
      errors.duplicate(at, name);
    }
  }
}

}  // namespace

void validate_pod_security(const PodSecurityContext& security,
                           const FieldPath& path,
                           FieldErrors& errors) {
  if (security.fs_group) validate_id(*security.fs_group, path.child("fsGroup"), errors);
  for (std::size_t i = 0; i < security.supplemental_groups.size(); ++i) {
    validate_id(security.supplemental_groups[i], path.child("supplementalGroups").index(i), errors);
  }
  validate_common(security, path, errors);
  const auto one_of = [&](const std::optional<std::string>& value, std::string_view field,
                          std::string_view a, std::string_view b) {
    if (value && *value != a && *value != b)
      errors.not_supported(path.child(field), *value, {a, b});
  };
  one_of(security.fs_group_change_policy, "fsGroupChangePolicy", "Always", "OnRootMismatch");
  one_of(security.supplemental_groups_policy, "supplementalGroupsPolicy", "Merge", "Strict");
  one_of(security.se_linux_change_policy, "seLinuxChangePolicy", "MountOption", "Recursive");
  validate_sysctls(security.sysctls, path.child("sysctls"), errors);
}

void validate_container_security(const SecurityContext& security,
                                 const PodContext& pod,
                                 const FieldPath& path,
                                 FieldErrors& errors) {
  validate_common(security, path, errors);
  if (security.proc_mount) {
    const FieldPath at = path.child("procMount");
    if (*security.proc_mount != "Default" && *security.proc_mount != "Unmasked") {
      errors.not_supported(at, *security.proc_mount, {"Default", "Unmasked"});
    } else if (*security.proc_mount == "Unmasked" && pod.host_users) {
      errors.invalid(at, *security.proc_mount, "`hostUsers` must be false to use `Unmasked`");
    }
  }
  if (security.allow_privilege_escalation.value_or(true)) return;
  if (security.privileged.value_or(false)) {
    errors.invalid(path, shown(security),
                   "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
  }
  if (!security.capabilities) return;
  for (const std::string& capability : security.capabilities->add) {
    if (capability == "CAP_SYS_ADMIN") {
      errors.invalid(
          path, shown(security),
          "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
    }
  }
}

}  // namespace insula::api
