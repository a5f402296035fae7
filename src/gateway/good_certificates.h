#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// The last certificate of each Secret that could be used. It holds while what the Secret has now
/// cannot be, which is told in the log and by a metric.
///
/// Threads: one at a time.
class GoodCertificates {
 public:
  /// `last`: those that were used last.
  GoodCertificates(const std::vector<CertificateConfig>& last, MetricsRegistry& registry, Log log);

  /// Puts the last good one in place of each that cannot be used, and takes out those that never
  /// could. Forgets those that are not named any more. Cost: a new one is parsed.
  void settle(std::vector<CertificateConfig>& certificates);

 private:
  struct Pem {
    std::string chain;
    std::string key;

    bool operator==(const Pem&) const = default;
  };

  struct Known {
    Pem good;  // empty: there was none
    std::optional<Pem> tried;
    bool refused = false;
    bool named = false;  // in the present round
  };

  void look_at(const CertificateConfig& certificate, Known& known) const;

  Gauge& refused_;
  Log log_;
  std::map<std::string, Known> known_;  // by name
};

}  // namespace insula::gateway
