#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace insula::apiserver {

/// Users and groups that the server itself knows, under Kubernetes' names.
inline constexpr const char* kAnonymous = "system:anonymous";
inline constexpr const char* kAuthenticated = "system:authenticated";
inline constexpr const char* kUnauthenticated = "system:unauthenticated";
inline constexpr const char* kMasters = "system:masters";

/// Under which `extra` names the credential that was used: the fingerprint of a certificate, the id
/// of a token (KEP-4193).
inline constexpr const char* kCredentialId = "authentication.kubernetes.io/credential-id";

/// Who makes a request.
struct User {
  std::string name;
  std::vector<std::string> groups;
  std::string uid = {};
  /// What else an authenticator, or who impersonates, says.
  std::map<std::string, std::vector<std::string>> extra = {};

  [[nodiscard]] bool in(std::string_view group) const {
    return std::ranges::find(groups, group) != groups.end();
  }

  bool operator==(const User&) const = default;
};

/// The control plane's own parts, which call the registry in process.
[[nodiscard]] inline User system_user() {
  return {"system:insula:control", {kMasters}};
}

}  // namespace insula::apiserver
