#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "cli/options.h"
#include "telemetry/log.h"

namespace insula::server {

/// How a process of the platform logs: the options that all of them share.
struct LogOptions {
  std::string level = "info";
  std::string format = "text";
  std::string file;  // empty: stderr

  void declare(cli::Options& options);
};

/// A process's log file is at most this long, twice.
inline constexpr std::size_t kLogBytesMax = 8U << 20;

/// Errors: kBadRequest for an unknown level, the file's otherwise.
[[nodiscard]] Result<std::unique_ptr<LogSink>> open_log(const LogOptions& options,
                                                        const Clock& clock);

}  // namespace insula::server
