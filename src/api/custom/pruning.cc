#include "api/custom/pruning.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"

namespace insula::api {

namespace {

/// Unknown members that are named; who sends more has made his point.
constexpr std::size_t kUnknownMax = 100;

bool is_type_meta(std::string_view name) {
  return name == "apiVersion" || name == "kind" || name == "metadata";
}

/// Walks over a value and its schema, from the outside in.
class Pruner {
 public:
  explicit Pruner(std::vector<std::string>* unknown) : unknown_(unknown) {}

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the value, which has json::kDepthMax
  void object(json::Object& object, const SchemaNode* node) {
    bool whole = true;
    for (auto& [name, value] : object) {
      if (node != nullptr && node->embedded && is_type_meta(name)) {
        if (name == "metadata") metadata(value);
        continue;
      }
      const SchemaNode* member = node == nullptr ? nullptr : node->member(name);
      if (member == nullptr) {
        whole = whole && node != nullptr && node->preserve_unknown;
        continue;
      }
      const std::size_t outer = path_.size();
      if (unknown_ != nullptr) path_ += (outer == 0 ? "" : ".") + name;
      this->value(value, *member);
      path_.resize(outer);
    }
    if (!whole) drop_unknown(object, node);
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  void value(json::Value& value, const SchemaNode& node) {
    if (json::Object* members = value.as_object()) return object(*members, &node);
    json::Array* elements = value.as_array();
    if (elements == nullptr) return;
    if (node.items == nullptr && node.preserve_unknown) return;
    const SchemaNode nothing;
    for (std::size_t i = 0; i < elements->size(); ++i) {
      const std::size_t outer = path_.size();
      if (unknown_ != nullptr) path_ += fmt::format("[{}]", i);
      this->value((*elements)[i], node.items == nullptr ? nothing : *node.items);
      path_.resize(outer);
    }
  }

 private:
  /// Of an embedded object: what is known of every object's metadata, in its form. What has not the
  /// right types stays, and is told when the object is checked.
  void metadata(json::Value& value) {
    DecodeReport report;
    const auto decoded = decode_json<ObjectMeta>(
        value, unknown_ == nullptr ? Strictness::kIgnore : Strictness::kWarn, &report);
    if (!decoded) return;
    value = to_json(*decoded);
    if (unknown_ == nullptr) return;
    for (const std::string& name : report.unknown_fields) {
      if (unknown_->size() < kUnknownMax)
        unknown_->push_back(fmt::format("{}{}metadata.{}", path_, path_.empty() ? "" : ".", name));
    }
  }

  void drop_unknown(json::Object& object, const SchemaNode* node) {
    json::Object kept;
    for (auto& [name, value] : object) {
      const bool known = node != nullptr &&
                         ((node->embedded && is_type_meta(name)) || node->member(name) != nullptr);
      if (known) {
        kept.set(name, std::move(value));
      } else if (unknown_ != nullptr && unknown_->size() < kUnknownMax) {
        unknown_->push_back((path_.empty() ? "" : path_ + ".") + name);
      }
    }
    object = std::move(kept);
  }

  std::vector<std::string>* unknown_;
  std::string path_;
};

bool is_wrong_null(const json::Value& value, const SchemaNode& node) {
  return value.is_null() && !node.nullable;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the value
void drop_nulls_of(json::Value& value, const SchemaNode& node) {
  if (json::Object* object = value.as_object()) return drop_nulls(*object, node);
  json::Array* elements = value.as_array();
  if (elements == nullptr || node.items == nullptr) return;
  for (json::Value& element : *elements)
    drop_nulls_of(element, *node.items);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the value
void default_value(json::Value& value, const SchemaNode& node) {
  if (is_wrong_null(value, node) && node.default_value) value = *node.default_value;
  if (json::Object* members = value.as_object()) {
    for (auto& [name, member] : *members) {
      if (const SchemaNode* schema = node.member(name)) default_value(member, *schema);
    }
    for (const auto& [name, property] : node.properties) {
      if (!property->default_value || members->contains(name)) continue;
      json::Value made = *property->default_value;
      default_value(made, *property);
      members->set(name, std::move(made));
    }
  }
  json::Array* elements = value.as_array();
  if (elements == nullptr || node.items == nullptr) return;
  for (json::Value& element : *elements)
    default_value(element, *node.items);
}

}  // namespace

void prune(json::Object& content, const SchemaNode& root, std::vector<std::string>* unknown) {
  const std::size_t before = unknown == nullptr ? 0 : unknown->size();
  Pruner(unknown).object(content, &root);
  if (unknown != nullptr)
    std::ranges::sort(unknown->begin() + static_cast<std::ptrdiff_t>(before), unknown->end());
}

void prune_value(json::Value& value, const SchemaNode& node) {
  Pruner(nullptr).value(value, node);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the value
void drop_nulls(json::Object& content, const SchemaNode& root) {
  std::vector<std::string> nulls;
  for (auto& [name, value] : content) {
    const SchemaNode* member = root.member(name);
    if (member == nullptr) continue;
    if (is_wrong_null(value, *member) && !member->default_value)
      nulls.push_back(name);
    else
      drop_nulls_of(value, *member);
  }
  for (const std::string& name : nulls)
    content.erase(name);
}

void set_schema_defaults(json::Object& content, const SchemaNode& root) {
  json::Value value(std::move(content));
  set_schema_defaults(value, root);
  content = std::move(*value.as_object());
}

void set_schema_defaults(json::Value& value, const SchemaNode& node) {
  drop_nulls_of(value, node);
  default_value(value, node);
}

}  // namespace insula::api
