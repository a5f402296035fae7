#include "api/apply/table_schema.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "api/apply/list_items.h"
#include "api/kind.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

namespace fs = std::filesystem;

/// Kubernetes' own schemas, by name, from $INSULA_SHARED or `shared` beside the source tree; empty
/// where they are not.
std::map<std::string, json::Value> kubernetes_schemas() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
  const char* from_environment = std::getenv("INSULA_SHARED");
  const fs::path root = from_environment != nullptr
                            ? fs::path(from_environment)
                            : fs::path(INSULA_SOURCE_DIR).parent_path() / "shared";
  const fs::path folder = root / "fixtures" / "openapi-v3";
  std::map<std::string, json::Value> out;
  if (!fs::is_directory(folder)) return out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto document = json::parse(text);
    if (!document || !(*document)["components"]["schemas"].is_object()) continue;
    for (const auto& [name, schema] : *(*document)["components"]["schemas"].as_object())
      out.emplace(name, schema);
  }
  return out;
}

void collect_types(const ValueInfo& value, std::set<const TypeInfo*>& types) {
  if (value.element != nullptr) collect_types(*value.element, types);
  if (value.type == nullptr || !types.insert(value.type).second) return;
  for (const FieldInfo& field : value.type->fields)
    collect_types(*field.value, types);
}

class Expected {
 public:
  explicit Expected(const std::map<std::string, json::Value>& schemas) : schemas_(schemas) {}

  /// The schema that a property refers to, or itself.
  [[nodiscard]] const json::Value* resolved(const json::Value& property) const {
    std::string_view ref = property["$ref"].text();
    if (const json::Array* all = property["allOf"].as_array()) ref = all->front()["$ref"].text();
    if (ref.empty()) return &property;
    return &schemas_.at(std::string(ref.substr(ref.rfind('/') + 1)));
  }

  [[nodiscard]] MergeShape shape(const json::Value& property) const {
    const json::Value& schema = *resolved(property);
    const std::string_view list = property["x-kubernetes-list-type"].text();
    const std::string_view map = property["x-kubernetes-map-type"].text();
    if (schema["type"].text() == "array") {
      if (list == "map") return MergeShape::kList;
      return list == "set" ? MergeShape::kSet : MergeShape::kAtomic;
    }
    if (schema["type"].text() != "object") return MergeShape::kScalar;
    if (map == "atomic" ||
        (map != "granular" && schema["x-kubernetes-map-type"].text() == "atomic"))
      return MergeShape::kAtomic;
    if (schema.find("additionalProperties") != nullptr) return MergeShape::kMap;
    return schema.find("properties") != nullptr ? MergeShape::kStruct : MergeShape::kAny;
  }

 private:
  const std::map<std::string, json::Value>& schemas_;
};

std::string sorted_keys(const json::Value& property) {
  std::vector<std::string> keys;
  if (const json::Array* list = property["x-kubernetes-list-map-keys"].as_array()) {
    for (const json::Value& key : *list)
      keys.emplace_back(key.text());
  }
  std::ranges::sort(keys);
  std::string out;
  for (const std::string& key : keys)
    out += (out.empty() ? "" : ",") + key;
  return out;
}

TEST(TableSchema, OwnershipOfEveryFieldIsThatOfKubernetes) {
  const auto schemas = kubernetes_schemas();
  if (schemas.empty())
    GTEST_SKIP() << "no schemas: set INSULA_SHARED to the folder that has fixtures/openapi-v3";
  const Expected expected(schemas);
  std::set<const TypeInfo*> types;
  for (const Kind* kind : kinds())
    collect_types({ValueKind::kStruct, &kind->type}, types);
  std::size_t compared = 0;
  for (const TypeInfo* type : types) {
    const auto at = schemas.find(std::string(type->package) + "." + std::string(type->name));
    if (at == schemas.end() || !at->second["properties"].is_object()) continue;
    const TableSchema table(*type);
    for (const auto& [name, property] : *at->second["properties"].as_object()) {
      const auto member = table.member(table.root(), name);
      if (!member) continue;
      SCOPED_TRACE(at->first + "." + name);
      EXPECT_EQ(static_cast<int>(member->shape), static_cast<int>(expected.shape(property)));
      if (member->shape == MergeShape::kList) {
        EXPECT_EQ(member->keys, sorted_keys(property));
        const json::Value& item = *expected.resolved(property["items"]);
        each_key(member->keys, [&](std::string_view key) {
          const json::Value* value = item["properties"][key].find("default");
          if (value != nullptr) EXPECT_EQ(table.key_default(*member, key), *value) << key;
        });
        EXPECT_EQ(static_cast<int>(table.element(*member).shape),
                  static_cast<int>(expected.shape(property["items"])));
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 1400U);
}

}  // namespace
}  // namespace insula::api
