#pragma once

#include "api/gen/meta_v1.h"
#include "api/schema.h"
#include "json/value.h"

namespace insula::api {

class CustomKind;

/// An object of any kind that a CustomResourceDefinition defines.
struct CustomObject {
  ObjectMeta metadata;
  /// Its other members, without apiVersion and kind.
  json::Object content;
  /// By which schema the content was read; null for none. No part of the object: only ever
  /// compared, to know what is read already.
  const CustomKind* definition = nullptr;

  bool operator==(const CustomObject& other) const {
    return metadata == other.metadata && content == other.content;
  }
};

/// The table of a CustomObject of this kind: of its metadata. The codec reads and writes the rest.
/// The texts and the kind outlive the table.
[[nodiscard]] TypeInfo custom_type(std::string_view name,
                                   std::string_view package,
                                   std::string_view doc,
                                   const Kind& kind);

/// Whether the objects of a table are CustomObjects.
[[nodiscard]] bool is_custom(const TypeInfo& type);

}  // namespace insula::api
