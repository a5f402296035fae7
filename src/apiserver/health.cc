#include "apiserver/health.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "http/url.h"

namespace insula::apiserver {
namespace {

constexpr std::array<std::string_view, 3> kEndpoints = {"healthz", "livez", "readyz"};
constexpr std::string_view kReady = "readyz";

/// `/readyz/ping` in its parts; the first is empty for what is no such path.
std::pair<std::string_view, std::string_view> split(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto slash = path.find('/');
  const std::string_view endpoint = path.substr(0, slash);
  if (std::ranges::find(kEndpoints, endpoint) == kEndpoints.end()) return {};
  return {endpoint, slash == path.npos ? std::string_view() : path.substr(slash + 1)};
}

struct Options {
  bool verbose = false;
  std::set<std::string> excluded;
};

/// What a query asks for.
Options options_of(std::string_view query) {
  Options options;
  while (auto parameter = http::next_parameter(query)) {
    if (parameter->name == "verbose") options.verbose = true;
    if (parameter->name == "exclude") options.excluded.insert(std::move(parameter->value));
  }
  return options;
}

}  // namespace

bool HealthChecks::is_path(std::string_view path) {
  return !split(path).first.empty();
}

bool HealthChecks::has(std::string_view path) const {
  const auto [endpoint, one] = split(path);
  if (endpoint.empty() || one.empty()) return !endpoint.empty();
  return std::ranges::any_of(checks_, [&, ready = endpoint == kReady](const HealthCheck& check) {
    return check.name == one && (ready || check.is_of_liveness);
  });
}

HealthAnswer HealthChecks::answer(std::string_view path, std::string_view query) const {
  const auto [endpoint, one] = split(path);
  Options options = options_of(query);
  std::string lines;
  bool well = true;
  bool found = false;
  for (const HealthCheck& check : checks_) {
    if (endpoint != kReady && !check.is_of_liveness) continue;
    if (!one.empty() && check.name != one) continue;
    found = true;
    if (options.excluded.erase(check.name) > 0) {
      lines += fmt::format("[+]{} excluded: ok\n", check.name);
      continue;
    }
    const std::string failure = check.failure();
    lines += failure.empty() ? fmt::format("[+]{} ok\n", check.name)
                             : fmt::format("[-]{} failed: {}\n", check.name, failure);
    well = well && failure.empty();
  }
  if (!found) return {404, "404 page not found\n"};
  for (const std::string& name : options.excluded)
    lines += fmt::format("warn: there is no check \"{}\" to exclude\n", name);
  if (!well) return {500, fmt::format("{}{} check failed\n", lines, endpoint)};
  if (!options.verbose) return {200, "ok"};
  return {200, fmt::format("{}{} check passed\n", lines, endpoint)};
}

}  // namespace insula::apiserver
