#include "gateway/endpoint_load.h"

#include <algorithm>
#include <cmath>

#include "base/number.h"

namespace insula::gateway {
namespace {

constexpr double kRequestsMax = 1e9;

struct Sample {
  std::string_view name;
  double value = 0;
};

/// The sample on a line; nothing for comments and what cannot be read. Labels are skipped, those
/// with braces and spaces in their values as well.
std::optional<Sample> sample_of(std::string_view line) {
  const std::size_t end = line.find_first_of("{ ");
  if (end == line.npos || end == 0 || line.front() == '#') return std::nullopt;
  const std::string_view name = line.substr(0, end);
  std::string_view rest = line.substr(end);
  if (rest.front() == '{') {
    bool quoted = false;
    std::size_t at = 1;
    for (; at < rest.size() && (quoted || rest[at] != '}'); ++at) {
      if (quoted && rest[at] == '\\') {
        ++at;
      } else if (rest[at] == '"') {
        quoted = !quoted;
      }
    }
    if (at >= rest.size()) return std::nullopt;
    rest.remove_prefix(at + 1);
  }
  const std::size_t begin = rest.find_first_not_of(' ');
  if (begin == rest.npos) return std::nullopt;
  rest.remove_prefix(begin);
  const auto value = parse_whole<double>(rest.substr(0, rest.find_first_of(" \r")));
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return Sample{name, *value};
}

}  // namespace

std::optional<ServerLoad> parse_server_load(std::string_view exposition) {
  bool found = false;
  double requests = 0;
  ServerLoad load;
  while (!exposition.empty()) {
    const std::size_t newline = exposition.find('\n');
    const std::string_view line = exposition.substr(0, newline);
    exposition.remove_prefix(newline == exposition.npos ? exposition.size() : newline + 1);
    if (!line.starts_with("vllm:")) continue;
    const auto sample = sample_of(line);
    if (!sample) continue;
    if (sample->name == "vllm:num_requests_running" ||
        sample->name == "vllm:num_requests_waiting") {
      requests += std::max(sample->value, 0.0);
      found = true;
    } else if (sample->name == "vllm:kv_cache_usage_perc" ||
               sample->name == "vllm:gpu_cache_usage_perc") {
      load.cache_usage = std::max(load.cache_usage, std::clamp(sample->value, 0.0, 1.0));
      found = true;
    }
  }
  if (!found) return std::nullopt;
  load.requests = static_cast<std::int64_t>(std::min(requests, kRequestsMax));
  return load;
}

}  // namespace insula::gateway
