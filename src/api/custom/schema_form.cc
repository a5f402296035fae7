#include "api/custom/schema_form.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "api/custom/schema_members.h"

namespace insula::api {

namespace {

using json::Value;

bool says_nothing(SchemaForm form, const Value& value) {
  switch (form) {
    case SchemaForm::kText:
      return value == Value("");
    case SchemaForm::kFlag:
      return value == Value(false);
    case SchemaForm::kTexts:
    case SchemaForm::kJsons:
    case SchemaForm::kSchemas:
    case SchemaForm::kRules:
      return value.is_array() && value.as_array()->empty();
    case SchemaForm::kSchemaMap:
    case SchemaForm::kDependencyMap:
      return value.is_object() && value.as_object()->empty();
    default:
      return false;
  }
}

// NOLINTBEGIN(misc-no-recursion): as deep as the JSON, which has a bound
class Normaliser {
 public:
  explicit Normaliser(std::vector<std::string>* unknown) : unknown_(unknown) {}

  void schema(Value& value, const std::string& path) { object(value, kSchemaMembers, path); }

 private:
  void object(Value& value, std::span<const SchemaMember> known, const std::string& path) {
    json::Object* given = value.as_object();
    if (given == nullptr) return;
    if (unknown_ != nullptr) {
      for (const auto& [name, member] : *given)
        if (std::ranges::find(known, name, &SchemaMember::name) == known.end())
          unknown_->push_back(fmt::format("{}.{}", path, name));
    }
    json::Object kept;
    for (const SchemaMember& member : known) {
      Value* found = given->find(member.name);
      if (found == nullptr || found->is_null()) continue;
      bring(member.form, *found, fmt::format("{}.{}", path, member.name));
      if (!says_nothing(member.form, *found)) kept.set(std::string(member.name), std::move(*found));
    }
    value = std::move(kept);
  }

  void bring(SchemaForm form, Value& value, const std::string& path) {
    switch (form) {
      case SchemaForm::kSchema:
      case SchemaForm::kSchemaOrFlag:
        return schema(value, path);
      case SchemaForm::kSchemaOrList:
        return value.is_array() ? each(value, kSchemaMembers, path) : schema(value, path);
      case SchemaForm::kSchemas:
        return each(value, kSchemaMembers, path);
      case SchemaForm::kRules:
        return each(value, kRuleMembers, path);
      case SchemaForm::kDocumentation:
        return object(value, kDocumentationMembers, path);
      case SchemaForm::kSchemaMap:
      case SchemaForm::kDependencyMap:
        return named(value, path);
      default:
        return;
    }
  }

  void each(Value& value, std::span<const SchemaMember> known, const std::string& path) {
    json::Array* elements = value.as_array();
    if (elements == nullptr) return;
    for (std::size_t i = 0; i < elements->size(); ++i)
      object((*elements)[i], known, fmt::format("{}[{}]", path, i));
  }

  void named(Value& value, const std::string& path) {
    json::Object* schemas = value.as_object();
    if (schemas == nullptr) return;
    for (auto& [name, one] : *schemas)
      schema(one, fmt::format("{}.{}", path, name));
    schemas->sort();
  }

  std::vector<std::string>* unknown_;
};

// NOLINTEND(misc-no-recursion)

}  // namespace

void normalise_schema(Value& schema, const std::string& path, std::vector<std::string>* unknown) {
  Normaliser(unknown).schema(schema, path);
}

}  // namespace insula::api
