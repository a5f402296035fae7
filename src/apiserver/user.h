#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace insula::apiserver {

/// Who makes a request.
struct User {
  std::string name;
  std::vector<std::string> groups;

  [[nodiscard]] bool in(std::string_view group) const {
    return std::ranges::find(groups, group) != groups.end();
  }
};

/// The control plane's own parts, which call the registry in process.
[[nodiscard]] inline User system_user() {
  return {"system:insula:control", {"system:masters"}};
}

}  // namespace insula::apiserver
