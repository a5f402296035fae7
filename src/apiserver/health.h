#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace insula::apiserver {

/// One thing that /healthz, /livez and /readyz look at.
struct HealthCheck {
  std::string name;
  /// What is wrong; empty: nothing.
  std::function<std::string()> failure;
  /// Otherwise only /readyz looks at it: a server that fails it is of no use now, and restarting it
  /// would not help.
  bool is_of_liveness = false;
};

struct HealthAnswer {
  int status = 200;
  std::string text;
};

/// Answers /healthz, /livez and /readyz, and each check by its own path (`/readyz/ping`). `verbose`
/// lists what was looked at, as a failure always does; `exclude` leaves checks out and may be given
/// more than once.
///
/// Threads: one.
/// Spec: Kubernetes API health endpoints.
class HealthChecks {
 public:
  explicit HealthChecks(std::vector<HealthCheck> checks) : checks_(std::move(checks)) {}

  /// `query` is what follows the question mark.
  [[nodiscard]] HealthAnswer answer(std::string_view path, std::string_view query) const;

  /// Whether there is such a check, or path for all of them.
  [[nodiscard]] bool has(std::string_view path) const;

  /// Whether answer() is for this path, be there such a check or not.
  [[nodiscard]] static bool is_path(std::string_view path);

 private:
  std::vector<HealthCheck> checks_;
};

}  // namespace insula::apiserver
