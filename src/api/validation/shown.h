#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/field_errors.h"
#include "api/int_or_string.h"
#include "api/schema.h"

namespace insula::api {

/// An object of the table `type` as messages show it: its JSON.
[[nodiscard]] ShownValue shown_object(const TypeInfo& type, const void* object);

template <class T>
[[nodiscard]] ShownValue shown(const T& object) {
  return shown_object(type_of<T>(), &object);
}

[[nodiscard]] ShownValue shown_map(const std::map<std::string, std::string>& values);
[[nodiscard]] ShownValue shown_list(const std::vector<std::string>& values);

[[nodiscard]] inline ShownValue shown(const IntOrString& value) {
  return value.is_string() ? ShownValue(value.name()) : ShownValue(value.number());
}

}  // namespace insula::api
