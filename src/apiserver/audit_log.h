#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "apiserver/request_audit.h"
#include "base/error.h"
#include "telemetry/line_writer.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

struct AuditLogOptions {
  std::string path;
  /// Of one file, and how many full ones are kept beside it (telemetry/rotated_file.h).
  std::uint64_t bytes_max = std::uint64_t{100} << 20U;
  int backups = 10;
};

/// The audit log as a file: a line for each event, in the order of the events.
///
/// A thread writes; requests do not wait for it, nor fail with it. An event that cannot be written,
/// or for which there is no room while the disk is slow, is lost and counted in
/// `apiserver_audit_error_total`.
///
/// Lifetime: registry and log sink outlive it. Threads: write() from any.
class AuditLog final : public AuditSink {
 public:
  /// Errors: of RotatedFile::open(), such as for a folder that this account may not write to.
  [[nodiscard]] static Result<std::unique_ptr<AuditLog>> open(const AuditLogOptions& options,
                                                              MetricsRegistry& registry,
                                                              Log log);

  void write(std::string_view event) override { writer_.write(event); }

 private:
  AuditLog(RotatedFile file, const std::string& path, MetricsRegistry& registry, Log log);

  LineWriter writer_;
};

}  // namespace insula::apiserver
