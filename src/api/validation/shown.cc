#include "api/validation/shown.h"

#include <string>
#include <utility>

#include "api/codec.h"

namespace insula::api {

ShownValue shown_object(const TypeInfo& type, const void* object) {
  std::string text;
  encode_json(type, object, text);
  return ShownValue::json(std::move(text));
}

ShownValue shown_map(const std::map<std::string, std::string>& values) {
  std::string text;
  for (const auto& [key, value] : values) {
    text += text.empty() ? "{" : ",";
    text += ShownValue(key).text() + ":" + ShownValue(value).text();
  }
  return ShownValue::json(text.empty() ? "null" : text + "}");
}

ShownValue shown_list(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) {
    text += text.empty() ? "[" : ",";
    text += ShownValue(value).text();
  }
  return ShownValue::json(text.empty() ? "null" : text + "]");
}

}  // namespace insula::api
