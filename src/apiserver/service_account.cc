#include "apiserver/service_account.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kUserPrefix = "system:serviceaccount:";
constexpr std::string_view kGroup = "system:serviceaccounts";

}  // namespace

std::string ServiceAccountName::user() const {
  return std::string(kUserPrefix) + name_space + ":" + name;
}

std::vector<std::string> ServiceAccountName::groups() const {
  return {std::string(kGroup), std::string(kGroup) + ":" + name_space};
}

std::optional<ServiceAccountName> ServiceAccountName::of(std::string_view user) {
  if (!user.starts_with(kUserPrefix)) return std::nullopt;
  user.remove_prefix(kUserPrefix.size());
  const std::size_t colon = user.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == user.size() ||
      user.find(':', colon + 1) != std::string_view::npos)
    return std::nullopt;
  return ServiceAccountName{std::string(user.substr(0, colon)),
                            std::string(user.substr(colon + 1))};
}

}  // namespace insula::apiserver
