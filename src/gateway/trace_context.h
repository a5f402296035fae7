#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/parser.h"

namespace insula::gateway {

/// Which trace a request is of, and as which span of it the gateway answers.
struct TraceContext {
  using TraceId = std::array<std::uint8_t, 16>;
  using SpanId = std::array<std::uint8_t, 8>;

  TraceId trace_id{};
  SpanId span_id{};
  /// Of the span that asked; nothing when the trace begins here.
  std::optional<SpanId> parent_id = std::nullopt;
  bool is_sampled = false;
  /// What other tracing systems keep with it, list members joined by commas.
  std::string state = {};

  bool operator==(const TraceContext&) const = default;
};

/// Bytes of `tracestate` that are passed on; of more, those members go first that have more than
/// 128, then the last ones.
inline constexpr std::size_t kTraceStateBytesMax = 512;

/// What a client's `traceparent` says; nothing when it is not valid. `span_id` is the client's.
/// Spec: W3C Trace Context, section 3.2.
[[nodiscard]] std::optional<TraceContext> parse_traceparent(std::string_view value);

/// The members of `tracestate`, as they are passed on; empty when one of them is not valid or has a
/// key that another has. `value`: of all headers of that name, joined by commas.
/// Spec: W3C Trace Context, section 3.3.
[[nodiscard]] std::string clean_tracestate(std::string_view value);

/// The context that a request came with. Nothing when there is none, or no valid one: then its
/// `tracestate` counts for nothing either.
[[nodiscard]] std::optional<TraceContext> trace_of(const http::RequestHead& head);

/// Whether a header is one of the context's.
[[nodiscard]] bool is_trace_field(std::string_view name);

/// Appends the header lines that tell it to an upstream.
void append_trace_lines(std::string& out, const TraceContext& trace);

/// Appends bytes in lower-case hexadecimal digits.
void append_hex(std::string& out, std::span<const std::uint8_t> bytes);

}  // namespace insula::gateway
