#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/blocking_pool.h"
#include "async/event.h"
#include "async/loop.h"
#include "async/task.h"
#include "async/task_group.h"
#include "base/error.h"
#include "gateway/line_ring.h"
#include "http/client.h"
#include "http/url.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

struct TracingOptions {
  /// Of a collector: `http://127.0.0.1:4318`. Empty: no spans are exported.
  std::string endpoint;
  /// Of the traces that begin at the gateway, those that are exported: 0 to 1.
  double ratio = 1.0;
};

/// Sends the spans of a gateway's loops to a collector by OTLP over HTTP, in JSON.
///
/// Spans wait in rings and are sent in batches, one after the other. One that fails is tried again
/// a few times; then it is dropped, as are the spans for which a ring has no room meanwhile: both
/// are counted, and no request waits.
///
/// Threads: one loop; rings as LineRing says. Spec: OpenTelemetry Protocol, "OTLP/HTTP".
class SpanExporter {
 public:
  /// Of spans that wait, for each loop.
  static constexpr std::size_t kRingBytes = std::size_t{1} << 20U;
  static constexpr std::size_t kBatchBytesMax = std::size_t{256} << 10U;
  static constexpr std::chrono::seconds kInterval{1};
  static constexpr std::chrono::seconds kTimeout{10};
  static constexpr std::chrono::seconds kFlushTime{2};
  static constexpr int kTries = 4;

  /// Errors: kInvalid for an endpoint that is no URL, or a ratio out of range.
  static Result<std::unique_ptr<SpanExporter>> make(const TracingOptions& options,
                                                    unsigned loops,
                                                    MetricsRegistry& registry,
                                                    Log log);
  ~SpanExporter();
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  [[nodiscard]] LineRing& ring(unsigned loop) { return *rings_[loop]; }

  /// Spans for which a ring had no room.
  [[nodiscard]] Counter& overflowed() { return overflowed_; }

  /// Sends from now on until flush() or the end.
  void start();

  /// Stops that, and sends what there is, as far as that goes within kFlushTime and until
  /// `deadline`.
  Task<> flush(Deadline deadline);

 private:
  SpanExporter(http::Url url,
               std::shared_ptr<net::TlsContext> tls,
               unsigned loops,
               MetricsRegistry& registry,
               Log log);
  Task<> run();
  Task<> send_all();
  [[nodiscard]] std::string take_batch();
  Task<> export_batch();
  Task<Result<http::Response>> post(const std::string& body, Deadline deadline);
  void count_accepted(std::size_t spans, const http::Response& response);
  void drop(std::size_t spans, Counter& reason, const Error& why);

  http::Url url_;
  Counter& exported_;
  Counter& overflowed_;
  Counter& refused_;
  Counter& failed_;
  Log log_;
  std::vector<std::unique_ptr<LineRing>> rings_;
  BlockingPool resolving_{1};
  http::Client client_;
  /// Shared with what is on its way to the loop.
  std::shared_ptr<Event> woken_ = std::make_shared<Event>();
  std::string batch_;  // that is being sent
  bool failing_ = false;
  TaskGroup tasks_;
};

/// The URL to which spans are posted; for `http://127.0.0.1:4318` that and `/v1/traces`.
/// Errors: kInvalid.
[[nodiscard]] Result<http::Url> traces_url(std::string_view endpoint);

}  // namespace insula::gateway
