#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/tls.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// The protocols that the gateway speaks over TLS, the preferred one first.
[[nodiscard]] std::vector<std::string> alpn_protocols();

/// The gateway's own certificate and key, and whether their files have changed. What cannot be used
/// changes nothing, which is told in the log and by a metric.
class CertificateFiles {
 public:
  /// PEM files. Both empty: no TLS.
  CertificateFiles(std::filesystem::path certificate,
                   std::filesystem::path key,
                   MetricsRegistry& registry,
                   Log log);

  /// nullptr without TLS. Errors: kInvalid; fail_errno.
  [[nodiscard]] Result<std::shared_ptr<net::TlsContext>> load();

  /// What the files have now, if they changed since the last call of either and can be used;
  /// otherwise nullptr. Both are looked at by time, size and inode. Blocking, but short.
  [[nodiscard]] std::shared_ptr<net::TlsContext> look();

 private:
  /// What tells one version of a file from another.
  struct Stamp {
    std::int64_t seconds = 0;
    std::int64_t nanos = 0;
    std::uint64_t inode = 0;
    std::int64_t size = -1;

    bool operator==(const Stamp&) const = default;
  };

  struct Stamps {
    Stamp certificate;
    Stamp key;

    bool operator==(const Stamps&) const = default;
  };

  [[nodiscard]] static Stamp stamp_of(const std::filesystem::path& file);

  std::filesystem::path certificate_;
  std::filesystem::path key_;
  Gauge& refused_;
  Log log_;
  Stamps seen_;
};

}  // namespace insula::gateway
