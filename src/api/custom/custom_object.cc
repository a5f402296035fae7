#include "api/custom/custom_object.h"

#include <cstddef>

#include "api/schema_tables.h"

#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace insula::api {

namespace {

constexpr TypeOps kOps = gen::type_ops<CustomObject>();
constexpr std::uint16_t kOrder[] = {0};

std::span<const FieldInfo> fields() {
  static const ValueInfo metadata{ValueKind::kStruct, &type_of<ObjectMeta>()};
  static const FieldInfo all[] = {
      {"metadata", "Standard object's metadata: name, labels, annotations and ownership.", "", "",
       "", "", &metadata, offsetof(CustomObject, metadata), 0, 1, 0, ListType::kNone}};
  return all;
}

}  // namespace

TypeInfo custom_type(std::string_view name,
                     std::string_view package,
                     std::string_view doc,
                     const Kind& kind) {
  return {name, package, doc, fields(), kOrder, kOrder, kOps, &kind};
}

bool is_custom(const TypeInfo& type) {
  return type.ops.create == kOps.create;
}

}  // namespace insula::api
