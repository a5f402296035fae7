#include "llm/openai_error.h"

#include "json/write.h"

namespace insula::llm {
namespace {

void append_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "null";
  } else {
    json::append_string(out, text);
  }
}

}  // namespace

std::string to_json(const OpenAiError& error) {
  std::string out = R"({"error":{"message":)";
  json::append_string(out, error.message);
  out += R"(,"type":)";
  json::append_string(out, error.type);
  out += R"(,"param":)";
  append_or_null(out, error.param);
  out += R"(,"code":)";
  append_or_null(out, error.code);
  out += "}}";
  return out;
}

std::string last_events(Operation operation, const OpenAiError& error) {
  std::string out;
  if (operation == Operation::kMessages) {
    out = R"(event: error
data: {"type":"error","error":{"type":"rate_limit_error","message":)";
    json::append_string(out, error.message);
    return out + "}}\n\n";
  }
  if (operation == Operation::kResponses) {
    out = R"(event: error
data: {"type":"error","code":)";
    append_or_null(out, error.code);
    out += R"(,"message":)";
    json::append_string(out, error.message);
    return out + ",\"param\":null}\n\n";
  }
  return "data: " + to_json(error) + "\n\ndata: [DONE]\n\n";
}

}  // namespace insula::llm
