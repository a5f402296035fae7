#include "gateway/access_line.h"

#include <cstdint>
#include <string_view>

#include "api/time.h"
#include "gateway/line_text.h"
#include "gateway/message_text.h"
#include "gateway/request.h"
#include "gateway/usage_record.h"

namespace insula::gateway {
namespace {

/// Of a text that no other bound holds.
constexpr std::size_t kTextBytesMax = 512;

/// Members of a JSON object, one after the other.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) {}

  /// Unless it is empty.
  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    begin(name);
    append_ascii_string(out_, value, RequestFacts::kPathBytesMax);
  }

  void number(std::string_view name, std::int64_t value) {
    begin(name);
    append_number(out_, value);
  }

  void millis(std::string_view name, std::int64_t micros) {
    begin(name);
    append_millis(out_, micros);
  }

  void flag(std::string_view name, bool value) {
    begin(name);
    out_ += value ? "true" : "false";
  }

 private:
  void begin(std::string_view name) {
    out_ += out_.empty() || out_.back() == '\n' ? "{\"" : ",\"";
    out_.append(name).append("\":");
  }

  std::string& out_;
};

/// How the reply ended.
std::string_view end_of(const Request& request) {
  if (request.outcome == UsageOutcome::kEndedByLimit) return "limit";
  if (request.status == 499) return "client_gone";
  return request.facts.broken_off ? "broken_off" : "complete";
}

void add_upstream(Members& members, const Request& request) {
  if (request.backend != nullptr) members.text("backend", request.backend->service_host);
  if (request.endpoint != nullptr) members.text("endpoint", request.endpoint->text);
  if (request.attempts > 0) members.number("attempts", request.attempts);
}

void add_tokens(Members& members, const llm::Usage& usage) {
  if (usage == llm::Usage{}) return;
  members.number("prompt_tokens", usage.prompt_tokens);
  members.number("cached_tokens", usage.cached_tokens);
  members.number("completion_tokens", usage.completion_tokens);
  members.number("reasoning_tokens", usage.reasoning_tokens);
  members.flag("estimated", usage.estimated);
}

void add_trace(Members& members, const Request& request) {
  if (!request.trace) return;
  std::string id;
  append_hex(id, request.trace->trace_id);
  members.text("trace_id", id);
}

}  // namespace

void append_access_line(std::string& out, const Request& request, SteadyTime now, WallTime ended) {
  const RequestFacts& facts = request.facts;
  Members members(out);
  members.text("time", api::MicroTime::from(ended).text());
  members.text("request_id", request.id);
  add_trace(members, request);
  if (request.tenant != nullptr) members.text("tenant", request.tenant->name);
  members.text("key", request.principal.key);
  members.text("member", std::string_view(request.principal.member).substr(0, kTextBytesMax));
  members.text("model", request.model);
  add_upstream(members, request);
  members.text("client", facts.client);
  members.text("host", facts.host);
  members.text("method", facts.method);
  members.text("path", facts.path);
  members.text("protocol", facts.protocol);
  if (request.site_route == nullptr) members.text("operation", name_of(request.operation));
  members.number("status", request.status);
  members.text("error", facts.error);
  add_tokens(members, request.usage);
  members.number("bytes_received", static_cast<std::int64_t>(request.body_bytes));
  members.number("bytes_sent", static_cast<std::int64_t>(facts.bytes_sent));
  if (facts.first_byte)
    members.millis("first_byte_ms", request.micros_since_start(*facts.first_byte));
  if (const auto first = request.first_token(); first && request.is_stream())
    members.millis("first_token_ms", request.micros_since_start(*first));
  members.millis("duration_ms", request.micros_since_start(now));
  members.flag("stream", request.is_stream());
  members.text("end", end_of(request));
  out += "}\n";
}

}  // namespace insula::gateway
