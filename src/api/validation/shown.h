#pragma once

#include "api/field_errors.h"
#include "api/schema.h"

namespace insula::api {

/// An object of the table `type` as messages show it: its JSON.
[[nodiscard]] ShownValue shown_object(const TypeInfo& type, const void* object);

template <class T>
[[nodiscard]] ShownValue shown(const T& object) {
  return shown_object(type_of<T>(), &object);
}

}  // namespace insula::api
