#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace insula::cli {

/// Exit codes of every command.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

/// One word after `insula`. `run` gets the words after it and returns the exit code; what it
/// reports is on stdout, why it failed is one line on stderr.
struct Command {
  std::string_view name;
  std::string_view summary;  // empty: not listed by `insula help`
  int (*run)(std::span<const std::string> arguments);
};

}  // namespace insula::cli
