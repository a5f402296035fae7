#include "gateway/span_text.h"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/version.h"
#include "gateway/line_text.h"
#include "gateway/message_text.h"
#include "gateway/request.h"
#include "http/url.h"

namespace insula::gateway {
namespace {

constexpr std::size_t kTextBytesMax = 512;
constexpr int kServerKind = 2;
constexpr int kErrorStatus = 2;
// Flags of a span: W3C's sampled, and whether its parent is another process's.
constexpr int kFlagsOfRoot = 0x101;
constexpr int kFlagsOfChild = 0x301;

void append_quoted_number(std::string& out, std::int64_t number) {
  out += '"';
  append_number(out, number);
  out += '"';
}

class Attributes {
 public:
  explicit Attributes(std::string& out) : out_(out) { out_ += "\"attributes\":["; }

  /// Unless it is empty.
  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    begin(key, "stringValue");
    append_ascii_string(out_, value, kTextBytesMax);
    out_ += "}}";
  }

  void number(std::string_view key, std::int64_t value) {
    begin(key, "intValue");
    append_quoted_number(out_, value);
    out_ += "}}";
  }

  void end() { out_ += ']'; }

 private:
  void begin(std::string_view key, std::string_view type) {
    if (out_.back() != '[') out_ += ',';
    out_.append(R"({"key":")").append(key).append(R"(","value":{")").append(type).append("\":");
  }

  std::string& out_;
};

/// What the conventions for generative AI call an operation; empty: it is none of theirs.
std::string_view genai_name(llm::Operation operation) {
  switch (operation) {
    case llm::Operation::kChatCompletions:
    case llm::Operation::kMessages:
    case llm::Operation::kResponses:
      return "chat";
    case llm::Operation::kCompletions:
      return "text_completion";
    case llm::Operation::kEmbeddings:
      return "embeddings";
    case llm::Operation::kModels:
    case llm::Operation::kUnmetered:
    case llm::Operation::kOther:
      break;
  }
  return {};
}

/// Few different ones: the model is one of the tenant's, when it was found.
std::string name_of(const Request& request) {
  const std::string_view operation = genai_name(request.operation);
  if (request.site_route != nullptr || operation.empty()) return request.facts.method;
  std::string name(operation);
  if (request.backend != nullptr && !request.model.empty()) name.append(" ").append(request.model);
  return name;
}

void add_genai(Attributes& attributes, const Request& request) {
  const std::string_view operation = genai_name(request.operation);
  if (request.site_route != nullptr || operation.empty()) return;
  attributes.text("gen_ai.operation.name", operation);
  attributes.text("gen_ai.provider.name", "insula");
  attributes.text("gen_ai.request.model", request.model);
  const llm::Usage& usage = request.usage;
  if (usage == llm::Usage{}) return;
  attributes.number("gen_ai.usage.input_tokens", usage.prompt_tokens);
  attributes.number("gen_ai.usage.output_tokens", usage.completion_tokens);
  attributes.number("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens);
  attributes.number("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens);
}

void add_http(Attributes& attributes, const Request& request) {
  const RequestFacts& facts = request.facts;
  constexpr std::string_view kProtocol = "HTTP/";
  attributes.text("http.request.method", facts.method);
  attributes.text("url.path", facts.path);
  attributes.text("url.scheme", facts.scheme);
  const std::string_view name = http::without_port(facts.host);
  attributes.text("server.address", name);
  const std::string_view port = std::string_view(facts.host).substr(name.size());
  std::int64_t number = 0;
  if (port.size() > 1 && std::from_chars(port.begin() + 1, port.end(), number).ptr == port.end())
    attributes.number("server.port", number);
  attributes.text("client.address", facts.client);
  attributes.text("network.protocol.version", facts.protocol.empty()
                                                  ? std::string_view()
                                                  : facts.protocol.substr(kProtocol.size()));
  attributes.number("http.response.status_code", request.status);
  if (!facts.error.empty()) {
    attributes.text("error.type", facts.error);
  } else if (request.status >= 400) {
    attributes.text("error.type", std::to_string(request.status));
  }
}

void add_own(Attributes& attributes, const Request& request) {
  attributes.text("insula.request_id", request.id);
  if (request.tenant != nullptr) attributes.text("insula.tenant", request.tenant->name);
  attributes.text("insula.key", request.principal.key);
  attributes.text("insula.member", request.principal.member);
  if (request.backend != nullptr) attributes.text("insula.backend", request.backend->service_host);
  if (request.endpoint != nullptr) attributes.text("insula.endpoint", request.endpoint->text);
  attributes.number("insula.attempts", request.attempts);
}

void append_event(std::string& out, std::string_view name, WallTime time) {
  if (out.back() != '[') out += ',';
  out += R"({"timeUnixNano":)";
  append_quoted_number(out, time.time_since_epoch().count());
  out.append(R"(,"name":")").append(name).append("\"}");
}

}  // namespace

void append_span(std::string& out, const Request& request, SteadyTime now, WallTime ended) {
  using std::chrono::microseconds;
  const TraceContext& trace = request.trace.value();
  const WallTime began = ended - microseconds(request.micros_since_start(now));
  const auto at = [&](SteadyTime time) {
    return began + microseconds(request.micros_since_start(time));
  };
  out += R"({"traceId":")";
  append_hex(out, trace.trace_id);
  out += R"(","spanId":")";
  append_hex(out, trace.span_id);
  if (trace.parent_id) {
    out += R"(","parentSpanId":")";
    append_hex(out, *trace.parent_id);
  }
  out += "\",";
  if (!trace.state.empty()) {
    out += "\"traceState\":";
    append_ascii_string(out, trace.state, kTraceStateBytesMax);
    out += ',';
  }
  out += "\"flags\":";
  append_number(out, trace.parent_id ? kFlagsOfChild : kFlagsOfRoot);
  out += ",\"name\":";
  append_ascii_string(out, name_of(request), kTextBytesMax);
  out += ",\"kind\":";
  append_number(out, kServerKind);
  out += ",\"startTimeUnixNano\":";
  append_quoted_number(out, began.time_since_epoch().count());
  out += ",\"endTimeUnixNano\":";
  append_quoted_number(out, ended.time_since_epoch().count());
  out += ',';
  Attributes attributes(out);
  add_http(attributes, request);
  add_genai(attributes, request);
  add_own(attributes, request);
  attributes.end();
  out += ",\"events\":[";
  if (request.facts.first_byte) append_event(out, "first byte", at(*request.facts.first_byte));
  if (const auto first = request.first_token(); first && request.is_stream())
    append_event(out, "first token", at(*first));
  out += "],\"status\":{";
  // What a client did wrong is no error of the server's span.
  if (request.status >= 500) {
    out += "\"code\":";
    append_number(out, kErrorStatus);
  }
  out += "}}\n";
}

std::string export_request(std::string_view spans) {
  std::string text = R"({"resourceSpans":[{"resource":{"attributes":[)"
                     R"({"key":"service.name","value":{"stringValue":"insula-gateway"}},)"
                     R"({"key":"service.version","value":{"stringValue":)";
  append_ascii_string(text, version(), kTextBytesMax);
  text += R"(}}]},"scopeSpans":[{"scope":{"name":"insula.gateway"},"spans":[)";
  bool first = true;
  while (!spans.empty()) {
    const std::size_t end = spans.find('\n');
    text.append(first ? "" : ",").append(spans.substr(0, end));
    spans.remove_prefix(end + 1);
    first = false;
  }
  return text + "]}]}]}";
}

}  // namespace insula::gateway
