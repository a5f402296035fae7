#include "api/custom/custom_schema.h"

#include "base/check.h"
#include "json/parse.h"

namespace insula::api {

namespace {

/// How the metadata of objects is owned. Spec: Kubernetes, ObjectMeta.
constexpr std::string_view kMetadata = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "generateName": {"type": "string"},
    "namespace": {"type": "string"},
    "selfLink": {"type": "string"},
    "uid": {"type": "string"},
    "resourceVersion": {"type": "string"},
    "generation": {},
    "creationTimestamp": {},
    "deletionTimestamp": {},
    "deletionGracePeriodSeconds": {},
    "managedFields": {"type": "array"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    "ownerReferences": {
      "type": "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["uid"],
      "items": {"type": "object", "x-kubernetes-map-type": "atomic",
                "properties": {"uid": {"type": "string"}}}
    }
  }
})";

const SchemaNode& metadata_node() {
  static const SchemaNode node = [] {
    const auto schema = json::parse(kMetadata);
    INSULA_CHECK(schema.has_value(), "the schema of metadata is JSON");
    return SchemaNode::parse(*schema);
  }();
  return node;
}

MergeShape shape_of(const SchemaNode& node) {
  if (node.type == "array") {
    if (node.list_type == "map") return MergeShape::kList;
    return node.list_type == "set" ? MergeShape::kSet : MergeShape::kAtomic;
  }
  if (node.type == "object") {
    if (node.map_type == "atomic") return MergeShape::kAtomic;
    if (node.preserve_unknown || node.embedded) return MergeShape::kAny;
    return node.additional != nullptr ? MergeShape::kMap : MergeShape::kStruct;
  }
  return node.type.empty() && !node.int_or_string ? MergeShape::kAny : MergeShape::kScalar;
}

MergeType type_of(const SchemaNode& node) {
  return {shape_of(node), false, node.sorted_keys, &node};
}

const SchemaNode* node_of(const MergeType& type) {
  return static_cast<const SchemaNode*>(type.type);
}

}  // namespace

CustomSchema::CustomSchema(const SchemaNode& root) : root_(root) {}

MergeType CustomSchema::root() const {
  MergeType out = type_of(root_);
  if (out.shape != MergeShape::kAny) out.shape = MergeShape::kStruct;
  out.implied = true;
  return out;
}

std::optional<MergeType> CustomSchema::member(const MergeType& type, std::string_view name) const {
  const SchemaNode* node = node_of(type);
  if (node == nullptr) return MergeType{};
  if (name == "metadata" && (node == &root_ || node->embedded)) {
    MergeType out = type_of(metadata_node());
    out.implied = node == &root_;
    return out;
  }
  if (const SchemaNode* member = node->member(name)) return type_of(*member);
  // An int-or-string has no members; what is preserved has any.
  if (type.shape == MergeShape::kAny || type.shape == MergeShape::kAtomic) return MergeType{};
  return std::nullopt;
}

MergeType CustomSchema::element(const MergeType& list) const {
  const SchemaNode* node = node_of(list);
  return node == nullptr || node->items == nullptr ? MergeType{} : type_of(*node->items);
}

json::Value CustomSchema::key_default(const MergeType& list, std::string_view key) const {
  const SchemaNode* node = node_of(list);
  if (node == nullptr || node->items == nullptr) return {};
  const SchemaNode* property = node->items->property(key);
  return property != nullptr && property->default_value ? *property->default_value : json::Value();
}

}  // namespace insula::api
