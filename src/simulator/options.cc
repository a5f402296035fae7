#include "simulator/options.h"

#include <cstdlib>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::simulator {
namespace {

constexpr double kSecondsMax = 3600;

Result<double> number(std::string_view name, std::string_view text, double low, double high) {
  const auto value = parse_whole<double>(text);
  if (value && *value >= low && *value <= high) return *value;
  return fail(ErrorCode::kInvalid,
              fmt::format("{} takes a number from {} to {}, not `{}`", name, low, high, text));
}

/// Seconds by default; `ms` and `s` may be written.
Result<std::chrono::nanoseconds> duration(std::string_view name, std::string_view text) {
  double scale = 1;
  if (text.ends_with("ms")) {
    scale = 1e-3;
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  }
  INSULA_TRY(const double seconds, number(name, text, 0, kSecondsMax / scale));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * scale * 1e9));
}

Result<> apply(SimulatorOptions& options, std::string_view name, std::string_view value) {
  if (name == "--host") {
    options.host = value;
  } else if (name == "--port") {
    INSULA_TRY(const double port, number(name, value, 0, 65535));
    options.port = static_cast<std::uint16_t>(port);
  } else if (name == "--model") {
    options.models.emplace_back(value);
  } else if (name == "--time-to-first-token") {
    INSULA_TRY(options.time_to_first_token, duration(name, value));
  } else if (name == "--tokens-per-second") {
    INSULA_TRY(options.tokens_per_second, number(name, value, 0, 1e9));
  } else if (name == "--max-tokens") {
    INSULA_TRY(const double tokens, number(name, value, 1, 1e6));
    options.max_tokens = static_cast<int>(tokens);
  } else if (name == "--seed") {
    INSULA_TRY(const double seed, number(name, value, 0, 9e15));
    options.seed = static_cast<std::uint64_t>(seed);
  } else if (name == "--prefix-cache-blocks") {
    INSULA_TRY(const double blocks, number(name, value, 0, 1e6));
    options.prefix_cache_blocks = static_cast<std::size_t>(blocks);
  } else if (name == "--error-rate") {
    INSULA_TRY(options.error_rate, number(name, value, 0, 1));
  } else if (name == "--drain-time") {
    INSULA_TRY(options.drain_time, duration(name, value));
  } else {
    return fail(ErrorCode::kInvalid, fmt::format("unknown option {}; see --help", name));
  }
  return {};
}

}  // namespace

std::string_view usage_text() {
  return R"(insula llm-sim: an OpenAI-compatible model server that invents its replies

  --host ADDRESS               address to listen on (0.0.0.0)
  --port PORT                  port to listen on, 0 for any (8000)
  --model NAME                 a model to serve; may be repeated (any name is served)
  --time-to-first-token TIME   such as 20ms or 1.5s (20ms)
  --tokens-per-second RATE     0: as fast as it can (200)
  --max-tokens N               most tokens of a reply (64)
  --seed N                     equal seeds give equal replies (1)
  --error-rate SHARE           share of requests that fail with 500, 0 to 1 (0)
  --prefix-cache-blocks N      keep so many blocks of 16 tokens of prompts; what is kept takes no time (0)
  --drain-time TIME            how long SIGTERM waits for replies under way (30s)

A request fails on purpose when it has a header `X-Sim-Error` or a message with `[[error:...]]` that says
a status (503), `drop` (no reply), `cut` (a reply that breaks off) or `hang` (no reply, connection open).
)";
}

Result<std::optional<SimulatorOptions>> parse_options(std::span<const std::string_view> arguments) {
  SimulatorOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view name = arguments[i];
    if (name == "--help" || name == "-h") return std::nullopt;
    if (!name.starts_with("--"))
      return fail(ErrorCode::kInvalid, fmt::format("unexpected `{}`; see --help", name));
    const std::size_t equals = name.find('=');
    std::string_view value;
    if (equals != name.npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return fail(ErrorCode::kInvalid, fmt::format("{} needs a value; see --help", name));
    }
    INSULA_TRY_VOID(apply(options, name, value));
  }
  return options;
}

}  // namespace insula::simulator
