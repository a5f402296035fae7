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

/// The members in which two objects of one type differ, by their JSON names below `path`, with
/// commas between them.
[[nodiscard]] std::string changed_members(const TypeInfo& type,
                                          const void* now,
                                          const void* before,
                                          const FieldPath& path);

template <class T>
[[nodiscard]] std::string changed_members(const T& now, const T& before, const FieldPath& path) {
  return changed_members(type_of<T>(), &now, &before, path);
}

[[nodiscard]] ShownValue shown_map(const std::map<std::string, std::string>& values);
[[nodiscard]] ShownValue shown_list(const std::vector<std::string>& values);

[[nodiscard]] inline ShownValue shown(const IntOrString& value) {
  return value.is_string() ? ShownValue(value.name()) : ShownValue(value.number());
}

}  // namespace insula::api
