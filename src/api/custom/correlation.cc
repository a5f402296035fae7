#include "api/custom/correlation.h"

#include <algorithm>
#include <optional>

#include "json/write.h"

namespace insula::api {

namespace {

using json::Value;

/// Nothing for an element that lacks a key, or has one that is no scalar.
std::optional<std::string> keys_text(const Value& element, const SchemaNode& node) {
  std::string out;
  for (const std::string& key : node.list_keys) {
    const Value* found = element.find(key);
    if (found == nullptr || found->is_null() || found->is_object() || found->is_array())
      return std::nullopt;
    out += json::write(*found) + ",";
  }
  return out;
}

bool has_keys_of(const Value& other, const Value& element, const SchemaNode& node) {
  return std::ranges::all_of(node.list_keys, [&](const std::string& key) {
    const Value* left = other.find(key);
    const Value* right = element.find(key);
    return left != nullptr && right != nullptr && *left == *right;
  });
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the value and the schema
bool same_members(const json::Object& members, const Value& old, const SchemaNode& node) {
  return std::ranges::all_of(members, [&](const auto& member) {
    const auto& [name, value] = member;
    const Value* was = old.find(name);
    const SchemaNode* schema = node.member(name);
    return was != nullptr && schema != nullptr && is_unchanged(value, *was, *schema);
  });
}

// NOLINTNEXTLINE(misc-no-recursion): as above
bool same_elements(const json::Array& elements, const Value& old, const SchemaNode& node) {
  OldElements before(&old, node);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Value* was = before.find(elements[i], i);
    if (was == nullptr || !is_unchanged(elements[i], *was, *node.items)) return false;
  }
  return true;
}

}  // namespace

OldElements::OldElements(const Value* old, const SchemaNode& node)
    : elements_(old == nullptr || node.list_type != "map" ? nullptr : old->as_array()),
      node_(node) {}

const Value* OldElements::find(const Value& element, std::size_t place) {
  if (elements_ == nullptr) return nullptr;
  if (place < elements_->size() && has_keys_of((*elements_)[place], element, node_))
    return &(*elements_)[place];
  if (!indexed_) index();
  const auto keys = keys_text(element, node_);
  const auto found = keys ? by_keys_.find(*keys) : by_keys_.end();
  return found == by_keys_.end() ? nullptr : found->second;
}

void OldElements::index() {
  indexed_ = true;
  for (const Value& element : *elements_) {
    if (auto keys = keys_text(element, node_)) by_keys_.try_emplace(*std::move(keys), &element);
  }
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the value and the schema
bool is_unchanged(const Value& value, const Value& old, const SchemaNode& node) {
  if (const json::Object* members = value.as_object()) {
    const json::Object* before = old.as_object();
    return before != nullptr && before->size() == members->size() &&
           same_members(*members, old, node);
  }
  const json::Array* elements = value.as_array();
  const json::Array* before = old.as_array();
  if (elements == nullptr || before == nullptr || node.list_type != "map" || node.items == nullptr)
    return value == old;
  return elements->size() == before->size() && same_elements(*elements, old, node);
}

bool always_changes(std::string_view path) {
  return path.empty() || path == "apiVersion" || path == "kind";
}

}  // namespace insula::api
