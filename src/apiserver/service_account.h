#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace insula::apiserver {

/// A service account as a user: `system:serviceaccount:NAMESPACE:NAME`.
struct ServiceAccountName {
  std::string name_space;
  std::string name;

  [[nodiscard]] std::string user() const;
  /// Every service account, and those of the namespace.
  [[nodiscard]] std::vector<std::string> groups() const;

  /// nullopt for users that are no service accounts.
  [[nodiscard]] static std::optional<ServiceAccountName> of(std::string_view user);
};

}  // namespace insula::apiserver
