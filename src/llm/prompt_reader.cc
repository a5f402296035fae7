#include "llm/prompt_reader.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <simdjson.h>

#include "llm/member_name.h"

namespace insula::llm {
namespace {

namespace ondemand = simdjson::ondemand;

/// Members of a body that hold a prompt, or a part of one.
constexpr std::array<std::string_view, 6> kPromptMembers = {"input",  "instructions", "messages",
                                                            "prompt", "suffix",       "system"};
constexpr std::size_t kPromptMemberBytesMax = 12;

/// Members below these whose texts no model reads: names of things, references, and bytes that are
/// written as text. Exactly so: what a server that ignores case would take for one is read all the
/// same.
constexpr std::array<std::string_view, 17> kUnreadMembers = {
    "call_id", "data",      "detail", "encrypted_content", "file_data",
    "file_id", "format",    "id",     "image_url",         "media_type",
    "role",    "signature", "status", "tool_call_id",      "tool_use_id",
    "type",    "url"};

std::unexpected<Error> invalid_json() {
  return fail(ErrorCode::kBadRequest, "the request body is not valid JSON");
}

/// Text of bytes rather than words: it has no character that base64 has not.
bool is_base64(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=' || c == '-' || c == '_' || c == '\r' || c == '\n';
  });
}

struct Walk {
  const std::function<bool(std::string_view)>& look;
  bool goes_on = true;
  /// Levels of tools' inputs around, whose members have the tool's own names: all are read.
  int inputs = 0;

  Result<> read(ondemand::value value, bool is_read, std::size_t levels);
  Result<> read_object(ondemand::object object, std::size_t levels);
  Result<> read_array(ondemand::array array, bool is_read, std::size_t levels);
  Result<> read_data(ondemand::value value, std::size_t levels);
};

Result<> Walk::read_object(ondemand::object object, std::size_t levels) {
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return invalid_json();
    const bool is_known = std::ranges::find(kUnreadMembers, key) != kUnreadMembers.end();
    const bool is_input = key == "input";
    ondemand::value value;
    if (field.value().get(value) != simdjson::SUCCESS) return invalid_json();
    if (key == "data" && inputs == 0) {
      INSULA_TRY_VOID(read_data(value, levels));
    } else {
      inputs += is_input ? 1 : 0;
      INSULA_TRY_VOID(read(value, inputs > 0 || !is_known, levels));
      inputs -= is_input ? 1 : 0;
    }
    if (!goes_on) return {};
  }
  return {};
}

/// Of a source: bytes, or the words of a document.
Result<> Walk::read_data(ondemand::value value, std::size_t levels) {
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return invalid_json();
  if (type != ondemand::json_type::string) return read(value, false, levels);
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return fail(ErrorCode::kBadRequest, "the request body has a text that is not Unicode");
  goes_on = is_base64(text) || look(text);
  return {};
}

Result<> Walk::read_array(ondemand::array array, bool is_read, std::size_t levels) {
  for (auto element : array) {
    ondemand::value value;
    if (element.get(value) != simdjson::SUCCESS) return invalid_json();
    INSULA_TRY_VOID(read(value, is_read, levels));
    if (!goes_on) return {};
  }
  return {};
}

Result<> Walk::read(ondemand::value value, bool is_read, std::size_t levels) {
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return invalid_json();
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS)
      return fail(ErrorCode::kBadRequest, "the request body has a text that is not Unicode");
    goes_on = !is_read || look(text);
    return {};
  }
  if (type != ondemand::json_type::object && type != ondemand::json_type::array) return {};
  if (levels == 0) {
    return fail(
        ErrorCode::kBadRequest,
        fmt::format("the request body nests values more than {} deep", RequestReader::kDepthMax));
  }
  if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return invalid_json();
    return read_array(array, is_read, levels - 1);
  }
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return invalid_json();
  return read_object(object, levels - 1);
}

}  // namespace

struct PromptReader::Parser {
  ondemand::parser parser;
};

PromptReader::PromptReader() : parser_(std::make_unique<Parser>()) {}

PromptReader::~PromptReader() = default;

Result<> PromptReader::read(std::string_view body,
                            const std::function<bool(std::string_view)>& look) {
  ondemand::document document;
  ondemand::object object;
  if (parser_->parser.iterate(body.data(), body.size(), body.size() + kPadding).get(document) !=
          simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return fail(ErrorCode::kBadRequest, "the request body is not a JSON object");
  }
  Walk walk{.look = look};
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return invalid_json();
    const std::string name = folded_name(key, kPromptMemberBytesMax);
    ondemand::value value;
    if (field.value().get(value) != simdjson::SUCCESS) return invalid_json();
    if (std::ranges::find(kPromptMembers, std::string_view(name)) == kPromptMembers.end()) continue;
    INSULA_TRY_VOID(walk.read(value, true, RequestReader::kDepthMax));
    if (!walk.goes_on) return {};
  }
  return {};
}

}  // namespace insula::llm
