#pragma once

#include <string_view>

namespace insula {

/// Prints `file:line: check failed: what` with the context to stderr and aborts.
[[noreturn]] void check_failed(const char* file,
                               int line,
                               std::string_view what,
                               std::string_view context = {});

}  // namespace insula

/// A broken invariant is a bug, not an Error: die at once, in release builds too.
#define INSULA_CHECK(condition, ...)                                                     \
  do {                                                                                   \
    if (!(condition)) [[unlikely]]                                                       \
      ::insula::check_failed(__FILE__, __LINE__, #condition __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)
