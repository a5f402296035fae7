#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace insula::simulator {

/// What `insula llm-sim` is told.
struct SimulatorOptions {
  std::string host = "0.0.0.0";
  std::uint16_t port = 8000;
  /// Names of the models it serves. Empty: one called kDefaultModel, and any other name is served
  /// as well.
  std::vector<std::string> models;
  std::chrono::nanoseconds time_to_first_token = std::chrono::milliseconds(20);
  /// 0: as fast as it can.
  double tokens_per_second = 200;
  /// Most tokens of a reply that does not ask for fewer.
  int max_tokens = 64;
  /// Equal seeds give equal replies to equal requests.
  std::uint64_t seed = 1;
  /// Blocks of prompts that its simulated KV cache has room for; 0: it keeps nothing.
  std::size_t prefix_cache_blocks = 0;
  /// Share of requests that fail with 500, from 0 to 1.
  double error_rate = 0;
  /// How long SIGTERM waits for replies under way.
  std::chrono::nanoseconds drain_time = std::chrono::seconds(30);
};

inline constexpr std::string_view kDefaultModel = "llm-sim";

/// What `insula llm-sim --help` prints.
[[nodiscard]] std::string_view usage_text();

/// Reads `--name value` and `--name=value`. Nothing: `--help` was asked for.
/// Errors: kInvalid, which names the option and what would be right.
[[nodiscard]] Result<std::optional<SimulatorOptions>> parse_options(
    std::span<const std::string_view> arguments);

}  // namespace insula::simulator
