#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

/// Members of the objects that a configuration is written as. What is missing or of another type is
/// empty.
namespace insula::gateway {

[[nodiscard]] inline json::Value strings_to_json(const std::vector<std::string>& strings) {
  json::Array array;
  for (const std::string& text : strings)
    array.emplace_back(text);
  return array;
}

[[nodiscard]] inline std::string string_in(const json::Object& object, std::string_view key) {
  const json::Value* value = object.find(key);
  const std::string* text = value == nullptr ? nullptr : value->as_string();
  return text == nullptr ? std::string() : *text;
}

[[nodiscard]] inline std::vector<std::string> strings_in(const json::Object& object,
                                                         std::string_view key) {
  std::vector<std::string> strings;
  const json::Value* value = object.find(key);
  const json::Array* array = value == nullptr ? nullptr : value->as_array();
  if (array == nullptr) return strings;
  for (const json::Value& entry : *array) {
    if (const std::string* text = entry.as_string(); text != nullptr) strings.push_back(*text);
  }
  return strings;
}

[[nodiscard]] inline std::optional<std::int64_t> number_in(const json::Object& object,
                                                           std::string_view key) {
  const json::Value* value = object.find(key);
  return value == nullptr ? std::nullopt : value->as_int64();
}

/// False unless it is there and true.
[[nodiscard]] inline bool flag_in(const json::Object& object, std::string_view key) {
  const json::Value* value = object.find(key);
  return value != nullptr && value->as_bool().value_or(false);
}

/// nullptr: there is no such object.
[[nodiscard]] inline const json::Object* object_in(const json::Object& object,
                                                   std::string_view key) {
  const json::Value* value = object.find(key);
  return value == nullptr ? nullptr : value->as_object();
}

/// Calls `read` for every object in the array `key`.
template <class F>
void for_each_object(const json::Object& object, std::string_view key, F read) {
  const json::Value* value = object.find(key);
  const json::Array* array = value == nullptr ? nullptr : value->as_array();
  if (array == nullptr) return;
  for (const json::Value& entry : *array) {
    if (const json::Object* member = entry.as_object(); member != nullptr) read(*member);
  }
}

}  // namespace insula::gateway
