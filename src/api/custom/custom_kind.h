#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/apply/merge_schema.h"
#include "api/custom/custom_object.h"
#include "api/custom/json_path.h"
#include "api/custom/rule_set.h"
#include "api/custom/schema_node.h"
#include "api/custom/value_check.h"
#include "api/gen/apiextensions_v1.h"
#include "api/kind.h"
#include "api/strategy.h"

namespace insula::api {

/// What the Kind of a custom kind points at; made before it.
struct CustomKindNames {
  CustomKindNames(const CustomResourceDefinition& definition,
                  const CustomResourceDefinitionVersion& version);

  std::string group_text;
  std::string version_text;
  CustomResourceDefinitionNames names;
  std::string package;
  std::vector<std::string_view> short_name_list;
  std::vector<std::string_view> category_list;
  std::vector<std::string_view> subresource_list;
};

/// One version of a kind that a CustomResourceDefinition defines, under its accepted names. Its
/// objects are CustomObjects, of one form in all versions: only their apiVersion differs.
///
/// It is what KindStrategy is for kinds of a generated struct, so that it is a Kind to all who read
/// and write objects. Compared by address like all of them, it stays where it is made.
/// Threads: deeply const.
class CustomKind final : private CustomKindNames, public Kind {
 public:
  /// Where the subresource scale finds its values.
  struct ScalePaths {
    std::vector<std::string> spec_replicas;
    std::vector<std::string> status_replicas;
    std::vector<std::string> selector;  // empty: none
  };

  /// `storage`: the version in which objects are stored, null for that version itself.
  CustomKind(const CustomResourceDefinition& definition,
             const CustomResourceDefinitionVersion& version,
             const CustomKind* storage);
  CustomKind(const CustomKind&) = delete;
  CustomKind& operator=(const CustomKind&) = delete;
  ~CustomKind() = default;

  [[nodiscard]] const SchemaNode& schema() const { return schema_; }

  /// As it was written, for OpenAPI.
  [[nodiscard]] const json::Value& schema_document() const { return document_; }

  /// Differs where the schema does.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

  [[nodiscard]] const std::string& list_kind() const { return names.list_kind; }

  /// Of the CustomResourceDefinition.
  [[nodiscard]] const std::string& definition_name() const { return definition_name_; }

  /// Versions that only a webhook could convert are not.
  [[nodiscard]] bool is_served() const { return served_; }

  [[nodiscard]] const std::optional<ScalePaths>& scale() const { return scale_; }

  [[nodiscard]] const MergeSchema& merge_schema() const { return *merge_schema_; }

  /// Brings what was read into form: takes off what the schema does not know, whose paths go to
  /// `unknown` when it is set, and puts in the schema's defaults. Idempotent.
  void read(CustomObject& object, std::vector<std::string>* unknown) const;

  /// Makes an object of the storage version one of this version: takes off what the schema does not
  /// know. What it would put in is not part of the object.
  void show(CustomObject& object) const;

  void prepare_create(CustomObject& object) const;
  /// Keeps from `old` what the write may not change, and counts the generation.
  void prepare_update(CustomObject& object,
                      const CustomObject& old,
                      std::string_view subresource) const;
  /// What is wrong with an object beside its metadata. `old` is null for a new one.
  void check(const CustomObject& object, const CustomObject* old, ValueErrors& errors) const;

  [[nodiscard]] std::span<const Column> columns() const { return columns_; }

  /// One cell per column; null where there is nothing to show.
  [[nodiscard]] std::vector<json::Value> cells(const CustomObject& object, WallTime now) const;

  [[nodiscard]] bool is_selectable_field(std::string_view path) const;
  [[nodiscard]] std::string selectable_field(const CustomObject& object,
                                             std::string_view path) const;

  /// Texts for Warning headers of requests to this version.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  struct Selectable {
    std::string path;  // without the dot before it
    JsonPath value;
  };

  [[nodiscard]] bool has_status() const { return has_subresource("status"); }

  [[nodiscard]] json::Value whole(const CustomObject& object) const;
  void read_columns();
  void read_selectable_fields();

  CustomResourceDefinitionVersion version_;
  bool served_;
  std::string definition_name_;
  json::Value document_;
  SchemaNode schema_;
  RuleSet rules_;
  TypeInfo type_;
  std::unique_ptr<MergeSchema> merge_schema_;
  std::vector<Column> columns_;
  std::vector<std::optional<JsonPath>> column_paths_;  // of columns_; none for the name
  std::vector<Selectable> selectable_;
  std::optional<ScalePaths> scale_;
  std::uint64_t digest_;
};

/// The custom kind that a kind is, or null.
[[nodiscard]] const CustomKind* custom_kind(const Kind& kind);

}  // namespace insula::api
