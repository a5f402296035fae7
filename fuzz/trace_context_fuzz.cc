// The trace context of strangers' requests: what is taken must be written so that it is read back
// alike.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/trace_context.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace insula::gateway;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto trace = parse_traceparent(input)) {
    constexpr std::string_view kName = "traceparent: ";
    std::string lines;
    append_trace_lines(lines, *trace);
    const auto again = parse_traceparent(
        std::string_view(lines).substr(kName.size(), lines.size() - kName.size() - 2));
    if (again != trace) __builtin_trap();
  }
  const std::string state = clean_tracestate(input);
  if (state.size() > kTraceStateBytesMax || clean_tracestate(state) != state) __builtin_trap();
  return 0;
}
