#include "apiserver/audit_log.h"

#include <utility>

namespace insula::apiserver {

AuditLog::AuditLog(RotatedFile file, const std::string& path, MetricsRegistry& registry, Log log)
    : writer_(std::move(file),
              {.what = path},
              registry.counter("apiserver_audit_event_total",
                               "Events that were written to the audit log."),
              registry.counter("apiserver_audit_error_total",
                               "Events that were not written to the audit log: its disk is full "
                               "or slower than requests come. Look at it, and at control's log.",
                               {{"plugin", "log"}}),
              std::move(log)) {}

Result<std::unique_ptr<AuditLog>> AuditLog::open(const AuditLogOptions& options,
                                                 MetricsRegistry& registry,
                                                 Log log) {
  INSULA_TRY(RotatedFile file,
             RotatedFile::open(
                 {.path = options.path, .bytes_max = options.bytes_max, .older = options.backups}));
  return std::unique_ptr<AuditLog>(
      new AuditLog(std::move(file), options.path, registry, std::move(log)));
}

}  // namespace insula::apiserver
