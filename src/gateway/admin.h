#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "gateway/gateway.h"
#include "http/exchange.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// What an operator may ask. The Unix socket is for its owner; the TCP port is for Prometheus and
/// shows nothing of keys.
enum class AdminAccess : std::uint8_t { kOwner, kScraper };

/// GET /metrics (Prometheus), /healthz, and for the owner, everything optional but where it says
/// so:
///
/// -
/// /usage?tenant=NAME&uid=UID&all=true&from=HOUR&to=HOUR&by=hour|day|model|key|member&form=json|csv:
///   sums; hours since 1970, both included.
/// - /usage/sums: all sums there are, for a backup (write_usage_dump).
/// - /usage/records?tenant=NAME&uid=UID&all=true&from=US&to=US&limit=N&order=newest|oldest&
///   form=jsonl|csv: single requests, one a line; microseconds since 1970, `to` excluded; tenant or
///   uid must be given.
/// - /keys/ID: {"id", "expires"} of an API key that the gateway knows, with its end as RFC 3339,
/// empty
///   when it has none; 404 for others.
///
/// `all`: those of former tenants too; so does a uid, for that one.
///
/// Lifetime: gateway and registry outlive it. Threads: the gateway's owner's loop.
class Admin final : public http::Handler {
 public:
  Admin(Gateway& gateway, MetricsRegistry& registry, AdminAccess access)
      : gateway_(gateway), registry_(registry), access_(access) {}

  Task<> handle(http::Exchange& exchange) override;

 private:
  Task<http::Response> answer(const http::Request& request);
  Task<http::Response> answer_usage(const http::Request& request);
  [[nodiscard]] http::Response answer_key(std::string_view id) const;
  Task<> send_records(http::Exchange& exchange);

  Gateway& gateway_;
  MetricsRegistry& registry_;
  AdminAccess access_;
};

}  // namespace insula::gateway
