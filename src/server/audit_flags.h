#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apiserver/audit_log.h"
#include "apiserver/audit_policy.h"
#include "base/error.h"
#include "cli/options.h"
#include "server/data_dir.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::server {

/// The flags `--audit-...` of `insula up`, which hands them to control. Without policy and log
/// nothing is audited: an audit log takes disk and holds what people do, which somebody has to
/// want.
struct AuditFlags {
  std::string policy_file;  // empty: AuditPolicy::standard()
  std::string log_file;     // empty: audit.log in Layout::audit()
  int megabytes_max = 100;
  int backups_max = 10;

  void declare(cli::Options& options);

  [[nodiscard]] bool enabled() const { return !policy_file.empty() || !log_file.empty(); }

  /// Errors: kInvalid, naming the flag.
  [[nodiscard]] Result<> check() const;

  /// Makes what control needs: a copy of the policy, which control may not be able to read where it
  /// is, and the folder of the log. Errors: as check(), fail_errno.
  [[nodiscard]] Result<> prepare(const Layout& layout, Account control) const;

  /// The flags as control gets them.
  [[nodiscard]] std::vector<std::string> for_control(const Layout& layout) const;

  [[nodiscard]] Result<apiserver::AuditPolicy> policy() const;
  [[nodiscard]] Result<std::unique_ptr<apiserver::AuditLog>> open_log(const Layout& layout,
                                                                      MetricsRegistry& metrics,
                                                                      Log log) const;
};

}  // namespace insula::server
