#include "server/process_log.h"

#include <unistd.h>

namespace insula::server {

void LogOptions::declare(cli::Options& options) {
  options
      .choice("--log-level", level, {"debug", "info", "warn", "error"},
              "least level that is logged")
      .choice("--log-format", format, {"text", "json"}, "form of a log line")
      .text("--log-file", file, "log into this file instead of stderr");
}

Result<std::unique_ptr<LogSink>> open_log(const LogOptions& options, const Clock& clock) {
  INSULA_TRY(const LogLevel level, parse_log_level(options.level));
  const LogSink::Options sink{
      .level = level, .format = options.format == "json" ? LogFormat::kJson : LogFormat::kText};
  if (options.file.empty()) return fd_log_sink(STDERR_FILENO, sink, clock);
  return file_log_sink(options.file, kLogBytesMax, sink, clock);
}

}  // namespace insula::server
