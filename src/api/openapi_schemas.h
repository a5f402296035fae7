#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/kind.h"
#include "api/schema.h"
#include "json/value.h"

namespace insula::api {

class CustomKind;

/// Builds the schemas of one OpenAPI document: those asked for, and all they refer to.
class OpenApiSchemas {
 public:
  /// `{"$ref": ...}` to the schema of a struct; adds it to the document.
  [[nodiscard]] json::Value ref(const TypeInfo& type);
  /// Same for the list of a kind, which has no struct.
  [[nodiscard]] json::Value list_ref(const Kind& kind);
  /// Same for a schema that has no struct: Time, Patch.
  [[nodiscard]] json::Value well_known_ref(std::string_view name);

  /// All schemas by name, sorted. The object is then spent.
  [[nodiscard]] json::Value take();

 private:
  void add(std::string name, json::Value schema);
  [[nodiscard]] json::Value struct_schema(const TypeInfo& type);
  [[nodiscard]] json::Value custom_schema(const CustomKind& kind);
  [[nodiscard]] json::Value value_schema(const ValueInfo& info);
  [[nodiscard]] json::Value raw_schema(const FieldInfo& field);
  [[nodiscard]] json::Value property(const FieldInfo& field);

  std::set<std::string, std::less<>> seen_;
  std::vector<const TypeInfo*> pending_;
  json::Object schemas_;
};

/// `[{"group": ..., "version": ..., "kind": ...}]` is what a schema carries, an operation the
/// element.
[[nodiscard]] json::Value group_version_kind(std::string_view group,
                                             std::string_view version,
                                             std::string_view kind);

}  // namespace insula::api
