#include "api/apply/table_schema.h"

#include <algorithm>

#include "api/atomic_types.h"

namespace insula::api {

namespace {

const ValueInfo& behind_pointer(const ValueInfo& info) {
  return info.kind == ValueKind::kPointer ? behind_pointer(*info.element) : info;
}

MergeShape shape_of(const ValueInfo& value, ListType declared) {
  switch (value.kind) {
    case ValueKind::kStruct:
      if (declared == ListType::kAtomic) return MergeShape::kAtomic;
      if (declared == ListType::kGranular) return MergeShape::kStruct;
      return std::ranges::find(atomic_types(), value.type) != atomic_types().end()
                 ? MergeShape::kAtomic
                 : MergeShape::kStruct;
    case ValueKind::kMap:
      return declared == ListType::kAtomic ? MergeShape::kAtomic : MergeShape::kMap;
    case ValueKind::kList:
      if (declared == ListType::kMap) return MergeShape::kList;
      return declared == ListType::kSet ? MergeShape::kSet : MergeShape::kAtomic;
    case ValueKind::kRawJson:
      return MergeShape::kAny;
    default:
      return MergeShape::kScalar;
  }
}

MergeType type_of_value(const ValueInfo& info, ListType declared = ListType::kNone) {
  const ValueInfo& value = behind_pointer(info);
  return {shape_of(value, declared), false, {}, &value};
}

const ValueInfo& value_of(const MergeType& type) {
  return *static_cast<const ValueInfo*>(type.type);
}

}  // namespace

TableSchema::TableSchema(const TypeInfo& type) : value_{ValueKind::kStruct, &type} {
  root_ = {MergeShape::kStruct, true, {}, &value_};
}

std::optional<MergeType> TableSchema::member(const MergeType& type, std::string_view name) const {
  if (type.type == nullptr) return MergeType{};
  const ValueInfo& value = value_of(type);
  if (value.kind == ValueKind::kMap) return type_of_value(*value.element);
  if (value.kind == ValueKind::kRawJson) return MergeType{};
  if (value.kind != ValueKind::kStruct) return std::nullopt;
  const FieldInfo* field = value.type->find(name);
  if (field == nullptr) return std::nullopt;
  MergeType out = type_of_value(*field->value, field->list_type);
  out.keys = field->list_keys;
  out.implied =
      field->value->kind == ValueKind::kStruct || field->has(kRequired) || field->has(kWritten);
  return out;
}

MergeType TableSchema::element(const MergeType& list) const {
  if (list.type == nullptr) return {};
  const ValueInfo& value = value_of(list);
  return value.kind == ValueKind::kList ? type_of_value(*value.element) : MergeType{};
}

json::Value TableSchema::key_default(const MergeType& list, std::string_view key) const {
  const ValueInfo& element = behind_pointer(*value_of(list).element);
  const FieldInfo* field = element.kind == ValueKind::kStruct ? element.type->find(key) : nullptr;
  if (field == nullptr) return {};
  const ValueInfo& value = behind_pointer(*field->value);
  // A member that is left out has its zero value, as in Kubernetes' schemas.
  if (value.kind == ValueKind::kString) return field->default_value;
  if (value.kind == ValueKind::kInt32 || value.kind == ValueKind::kInt64) return 0;
  return {};
}

}  // namespace insula::api
