#include "gateway/request_observer.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "gateway/access_line.h"
#include "gateway/request.h"
#include "gateway/span_text.h"

namespace insula::gateway {
namespace {

/// What the last eight bytes of a sampled trace's id are below. All of them are with a ratio of 1.
std::uint64_t bound_of(double ratio) {
  if (ratio >= 1) return UINT64_MAX;
  return ratio <= 0 ? 0 : static_cast<std::uint64_t>(std::ldexp(ratio, 64));
}

std::uint64_t last_bytes(const TraceContext::TraceId& id) {
  std::uint64_t number = 0;
  std::memcpy(&number, id.data() + sizeof number, sizeof number);
  return number;
}

}  // namespace

RequestObserver::RequestObserver(const ObserverSettings& settings, const Clock& clock)
    : settings_(settings),
      clock_(clock),
      random_(system_random().below(UINT64_MAX)),
      sampled_below_(bound_of(settings.trace_ratio)) {}

std::optional<TraceContext> RequestObserver::trace_for(const http::RequestHead* head) {
  auto given = head == nullptr ? std::nullopt : trace_of(*head);
  if (settings_.spans.ring == nullptr) return given;
  TraceContext trace;
  if (given) {
    trace = *std::move(given);
    trace.parent_id = trace.span_id;
  } else {
    random_.fill(trace.trace_id);
    trace.is_sampled = sampled_below_ == UINT64_MAX || last_bytes(trace.trace_id) < sampled_below_;
  }
  random_.fill(trace.span_id);
  return trace;
}

void RequestObserver::tell(const Request& request) {
  const SteadyTime now = clock_.now();
  const WallTime ended = clock_.wall();
  if (settings_.access_lines.ring != nullptr) {
    line_.clear();
    append_access_line(line_, request, now, ended);
    send(settings_.access_lines, line_);
  }
  if (settings_.spans.ring != nullptr && request.trace && request.trace->is_sampled) {
    line_.clear();
    append_span(line_, request, now, ended);
    send(settings_.spans, line_);
  }
}

void RequestObserver::send(const LineSink& sink, std::string_view line) {
  if (!sink.ring->append(line)) sink.dropped->add();
}

}  // namespace insula::gateway
