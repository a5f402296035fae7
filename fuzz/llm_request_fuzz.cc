// Request bodies: whatever is read in place must agree with what a whole parse of the body says,
// and the edit that asks for usage must leave a body that says so.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "json/parse.h"
#include "llm/prompt_reader.h"
#include "llm/request.h"

namespace {

using namespace insula;

const json::Value* member(const json::Value& value, std::string_view name) {
  const json::Object* object = value.as_object();
  return object == nullptr ? nullptr : object->find(name);
}

Result<llm::RequestPeek> read(std::string& padded, std::string_view body) {
  static llm::RequestReader reader;
  padded.assign(body);
  padded.append(llm::RequestReader::kPadding, ' ');
  return reader.read(llm::Operation::kChatCompletions,
                     std::string_view(padded).substr(0, body.size()));
}

/// The texts of a prompt are texts of the body. Of a member that comes twice both are read, where a
/// whole parse keeps the last.
void look_at_prompt(std::string& padded, std::string_view body) {
  static llm::PromptReader reader;
  padded.assign(body);
  padded.append(llm::PromptReader::kPadding, ' ');
  std::size_t bytes = 0;
  const auto read =
      reader.read(std::string_view(padded).substr(0, body.size()), [&](std::string_view text) {
        bytes += text.size();
        return true;
      });
  const auto whole = json::parse(body);
  if (!read || !whole) return;
  if (bytes > body.size()) __builtin_trap();
  const json::Value* prompt = member(*whole, "prompt");
  if (prompt != nullptr && bytes < prompt->text().size()) __builtin_trap();
}

/// What a fuzzer does not find by itself: some bytes become long texts.
std::string with_long_texts(std::string_view input) {
  constexpr std::size_t kTextsMax = 4;
  std::string body;
  std::size_t texts = 0;
  for (const char c : input) {
    if (c == '\x01' && ++texts <= kTextsMax) {
      body.append(5000, 'x');
    } else {
      body += c;
    }
  }
  return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body = with_long_texts({reinterpret_cast<const char*>(data), size});
  std::string padded;
  look_at_prompt(padded, body);
  const auto peek = read(padded, body);
  const auto whole = json::parse(body);
  if (!peek || !whole)
    return 0;  // Skipped values are not validated: a body may be read and not parse.
  const json::Value* model = member(*whole, "model");
  const bool same = model == nullptr
                        ? peek->model.empty()
                        : model->as_string() != nullptr && *model->as_string() == peek->model;
  if (!same) __builtin_trap();
  const json::Value* stream = member(*whole, "stream");
  if (peek->stream != (stream != nullptr && stream->as_bool() == true)) __builtin_trap();
  if (!peek->ask_for_usage) return 0;
  std::string edited = body;
  edited.replace(peek->ask_for_usage->offset, peek->ask_for_usage->erase,
                 peek->ask_for_usage->insert);
  const auto after = json::parse(edited);
  if (!after) __builtin_trap();
  const json::Value* options = member(*after, "stream_options");
  const json::Value* wanted = options == nullptr ? nullptr : member(*options, "include_usage");
  if (wanted == nullptr || wanted->as_bool() != true) __builtin_trap();
  if (const auto again = read(padded, edited); !again || again->ask_for_usage) __builtin_trap();
  return 0;
}
