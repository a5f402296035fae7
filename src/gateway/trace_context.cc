#include "gateway/trace_context.h"

#include <algorithm>
#include <span>
#include <vector>

#include "http/scan.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kParentName = "traceparent";
constexpr std::string_view kStateName = "tracestate";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// `00-` and the trace's id, `-` and the span's, `-` and the flags.
constexpr std::size_t kTraceIdAt = 3;
constexpr std::size_t kSpanIdAt = 36;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kParentBytes = 55;
constexpr unsigned kSampledFlag = 1;

constexpr std::size_t kStateMembersMax = 32;
constexpr std::size_t kStateKeyBytesMax = 256;
constexpr std::size_t kStateValueBytesMax = 256;
/// A member that is longer is the first to go.
constexpr std::size_t kStateMemberBytesLong = 128;

/// Reads lower-case hexadecimal digits; false when one is none.
bool read_hex(std::string_view text, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t high = kHexDigits.find(text[2 * i]);
    const std::size_t low = kHexDigits.find(text[2 * i + 1]);
    if (high == kHexDigits.npos || low == kHexDigits.npos) return false;
    out[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return true;
}

bool is_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_state_key(std::string_view key) {
  return !key.empty() && key.size() <= kStateKeyBytesMax && is_lower_or_digit(key.front()) &&
         std::ranges::all_of(key, [](char c) {
           return is_lower_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
         });
}

bool is_state_value(std::string_view value) {
  return !value.empty() && value.size() <= kStateValueBytesMax &&
         std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

/// The members of a list; nothing when one is not valid, or there are too many.
std::optional<std::vector<std::string_view>> split_state(std::string_view value) {
  std::vector<std::string_view> members;
  std::vector<std::string_view> keys;
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view member = http::trim(value.substr(0, comma));
    value.remove_prefix(comma == value.npos ? value.size() : comma + 1);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == member.npos || members.size() == kStateMembersMax) return std::nullopt;
    const std::string_view key = member.substr(0, equals);
    if (!is_state_key(key) || !is_state_value(member.substr(equals + 1)) ||
        std::ranges::find(keys, key) != keys.end())
      return std::nullopt;
    members.push_back(member);
    keys.push_back(key);
  }
  return members;
}

std::size_t joined_bytes(const std::vector<std::string_view>& members) {
  std::size_t bytes = members.empty() ? 0 : members.size() - 1;
  for (const std::string_view member : members)
    bytes += member.size();
  return bytes;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view value) {
  if (value.size() < kParentBytes) return std::nullopt;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  TraceContext trace;
  if (!read_hex(value, version) || version[0] == 0xff) return std::nullopt;
  // A later version may have more to say behind it.
  const bool ends = value.size() == kParentBytes;
  if (!ends && (version[0] == 0 || value[kParentBytes] != '-')) return std::nullopt;
  if (value[kTraceIdAt - 1] != '-' || value[kSpanIdAt - 1] != '-' || value[kFlagsAt - 1] != '-')
    return std::nullopt;
  if (!read_hex(value.substr(kTraceIdAt), trace.trace_id) ||
      !read_hex(value.substr(kSpanIdAt), trace.span_id) || !read_hex(value.substr(kFlagsAt), flags))
    return std::nullopt;
  if (is_zero(trace.trace_id) || is_zero(trace.span_id)) return std::nullopt;
  trace.is_sampled = (flags[0] & kSampledFlag) != 0;
  return trace;
}

std::string clean_tracestate(std::string_view value) {
  auto members = split_state(value);
  if (!members) return {};
  if (joined_bytes(*members) > kTraceStateBytesMax)
    std::erase_if(*members,
                  [](std::string_view one) { return one.size() > kStateMemberBytesLong; });
  while (joined_bytes(*members) > kTraceStateBytesMax)
    members->pop_back();
  std::string clean;
  for (const std::string_view member : *members)
    clean.append(clean.empty() ? "" : ",").append(member);
  return clean;
}

std::optional<TraceContext> trace_of(const http::RequestHead& head) {
  std::optional<std::string_view> parent;
  std::string state;
  for (const http::Field& field : head.fields()) {
    if (field.id != http::FieldId::kOther) continue;
    if (http::token_is(field.name, kParentName)) {
      // Which of two would count is not known.
      if (parent) return std::nullopt;
      parent = field.value;
    } else if (http::token_is(field.name, kStateName)) {
      state.append(state.empty() ? "" : ",").append(field.value);
    }
  }
  if (!parent) return std::nullopt;
  auto trace = parse_traceparent(*parent);
  if (trace) trace->state = clean_tracestate(state);
  return trace;
}

bool is_trace_field(std::string_view name) {
  return http::token_is(name, kParentName) || http::token_is(name, kStateName);
}

void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0xfU];
  }
}

void append_trace_lines(std::string& out, const TraceContext& trace) {
  out.append(kParentName).append(": 00-");
  append_hex(out, trace.trace_id);
  out += '-';
  append_hex(out, trace.span_id);
  out.append(trace.is_sampled ? "-01\r\n" : "-00\r\n");
  if (!trace.state.empty()) out.append(kStateName).append(": ").append(trace.state).append("\r\n");
}

}  // namespace insula::gateway
