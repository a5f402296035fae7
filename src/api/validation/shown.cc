#include "api/validation/shown.h"

#include <string>
#include <utility>

#include "api/codec.h"
#include "json/value.h"

namespace insula::api {

ShownValue shown_object(const TypeInfo& type, const void* object) {
  std::string text;
  encode_json(type, object, text);
  return ShownValue::json(std::move(text));
}

std::string changed_members(const TypeInfo& type,
                            const void* now,
                            const void* before,
                            const FieldPath& path) {
  const json::Value after = to_json(type, now);
  const json::Value old = to_json(type, before);
  std::string text;
  for (const FieldInfo& field : type.fields) {
    const json::Value* a = after.as_object()->find(field.name);
    const json::Value* b = old.as_object()->find(field.name);
    if ((a == nullptr) == (b == nullptr) && (a == nullptr || *a == *b)) continue;
    text.append(text.empty() ? "" : ", ").append(path.child(field.name).text());
  }
  return text;
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
