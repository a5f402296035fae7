#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/line_ring.h"
#include "gateway/trace_context.h"
#include "http/parser.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

class Request;

/// Where lines of one kind go, and what counts those for which there was no room.
struct LineSink {
  LineRing* ring = nullptr;  // null: nowhere
  Counter* dropped = nullptr;
};

/// Whom one event loop tells of its requests. What is pointed to outlives the loop.
struct ObserverSettings {
  LineSink access_lines = {};
  LineSink spans = {};
  /// Of the traces that begin here, those that are exported.
  double trace_ratio = 1.0;
};

/// Tells of the requests of one loop, each once when it is over: a line for the access log, and a
/// span for its trace. It writes text into rings and waits for nobody.
///
/// Threads: one loop.
class RequestObserver {
 public:
  RequestObserver(const ObserverSettings& settings, const Clock& clock);

  /// Somebody is told.
  [[nodiscard]] bool is_on() const {
    return settings_.access_lines.ring != nullptr || settings_.spans.ring != nullptr;
  }

  /// The trace that a request is of. Where spans are exported, it is the one it came with or a new
  /// one, the gateway's own span comes between the client's and the upstream's, and whether it is
  /// sampled the client says, or the ratio. Else the context is passed on as it came, and none is
  /// begun. `head`: null when it could not be read.
  [[nodiscard]] std::optional<TraceContext> trace_for(const http::RequestHead* head);

  /// Tells of a request that is over.
  void tell(const Request& request);

 private:
  static void send(const LineSink& sink, std::string_view line);

  ObserverSettings settings_;
  const Clock& clock_;
  SeededRandom random_;
  std::uint64_t sampled_below_;
  std::string line_;
};

}  // namespace insula::gateway
