#pragma once

#include <functional>
#include <string>

#include "gateway/gateway.h"
#include "http/exchange.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// What an operator may ask. The Unix socket is for its owner; the TCP port is for Prometheus and
/// shows no usage by key.
enum class AdminAccess : std::uint8_t { kOwner, kScraper };

/// GET /metrics (Prometheus), /healthz, and for the owner /usage?tenant=NAME&from=HOUR&to=HOUR
/// (hours since 1970; all optional).
///
/// Lifetime: gateway and registry outlive it. Threads: the gateway's owner's loop.
class Admin final : public http::Handler {
 public:
  Admin(Gateway& gateway, MetricsRegistry& registry, AdminAccess access)
      : gateway_(gateway), registry_(registry), access_(access) {}

  Task<> handle(http::Exchange& exchange) override;

 private:
  Task<http::Response> answer(const http::Request& request);

  Gateway& gateway_;
  MetricsRegistry& registry_;
  AdminAccess access_;
};

}  // namespace insula::gateway
