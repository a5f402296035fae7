#include "api/custom/custom_kind.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/columns/columns.h"
#include "api/custom/custom_schema.h"
#include "api/custom/definition.h"
#include "api/custom/invariants.h"
#include "api/custom/pruning.h"
#include "json/write.h"

#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace insula::api {

namespace {

constexpr std::string_view kVerbs[] = {"create", "delete", "deletecollection", "get",
                                       "list",   "patch",  "update",           "watch"};

constexpr Column kAge = {"Age", "date", "", "Time since the object was created."};
constexpr std::string_view kAgePath = ".metadata.creationTimestamp";

/// `stable.example.com` and `v1` as OpenAPI names their package: `com.example.stable.v1`.
std::string package_of(std::string_view group, std::string_view version) {
  std::string out;
  while (!group.empty()) {
    const std::size_t dot = group.rfind('.');
    const std::size_t begin = dot == std::string_view::npos ? 0 : dot + 1;
    out.append(group.substr(begin)) += '.';
    group = group.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  return out.append(version);
}

/// FNV-1a.
std::uint64_t digest_of(std::string_view text) {
  std::uint64_t out = 0xcbf29ce484222325;
  for (const char c : text)
    out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return out;
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

/// The names in a path of a scale: what is between its dots.
std::vector<std::string> members_of(std::string_view path) {
  std::vector<std::string> out;
  while (path.starts_with('.')) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('.'), path.size());
    out.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

/// A value as a column of this type shows it.
json::Value cell_of(const json::Value& value, std::string_view type, WallTime now) {
  if (type == "string") {
    if (value.is_string()) return value;
    return value.is_null() ? json::Value() : json::Value(json::write(value));
  }
  if (type == "integer") {
    if (const auto whole = value.as_int64()) return *whole;
    if (const auto number = value.as_double()) return static_cast<std::int64_t>(*number);
  } else if (type == "number") {
    if (value.as_double() || value.as_int64()) return value;
  } else if (type == "boolean") {
    if (value.as_bool()) return value;
  } else if (type == "date" && value.is_string()) {
    const auto time = Time::parse(value.text());
    return time ? age(*time, now) : std::string("<invalid>");
  }
  return {};
}

}  // namespace

CustomKindNames::CustomKindNames(const CustomResourceDefinition& definition,
                                 const CustomResourceDefinitionVersion& version)
    : group_text(definition.spec.group),
      version_text(version.name),
      names(definition.status.accepted_names),
      package(package_of(group_text, version_text)),
      short_name_list(views(names.short_names)),
      category_list(views(names.categories)) {
  if (version.subresources && version.subresources->status) subresource_list.emplace_back("status");
  if (version.subresources && version.subresources->scale) subresource_list.emplace_back("scale");
}

CustomKind::CustomKind(const CustomResourceDefinition& definition,
                       const CustomResourceDefinitionVersion& version,
                       const CustomKind* storage)
    : CustomKindNames(definition, version),
      Kind{group_text,     version_text,
           names.kind,     names.plural,
           names.singular, short_name_list,
           category_list,  subresource_list,
           kVerbs,         definition.spec.scope != "Cluster",
           type_,          offsetof(CustomObject, metadata),
           storage},
      version_(version),
      served_(version.served && (version.storage || !converts_by_webhook(definition))),
      definition_name_(definition.metadata.name),
      document_(schema_value(version.schema ? version.schema->open_apiv3_schema.text : "")),
      schema_(SchemaNode::parse(document_)),
      rules_(schema_),
      type_(
          custom_type(names.kind, package, std::as_const(document_)["description"].text(), *this)),
      merge_schema_(std::make_unique<CustomSchema>(schema_)),
      digest_(digest_of(names.kind + "\n" + json::write(document_))) {
  read_columns();
  read_selectable_fields();
  if (!has_subresource("scale")) return;
  const CustomResourceSubresourceScale& paths = *version_.subresources->scale;
  scale_.emplace(ScalePaths{members_of(paths.spec_replicas_path),
                            members_of(paths.status_replicas_path),
                            members_of(paths.label_selector_path.value_or(""))});
}

void CustomKind::read_columns() {
  columns_.push_back(kNameColumn);
  column_paths_.emplace_back();
  const auto add = [this](const Column& column, std::string_view path) {
    auto parsed = JsonPath::parse(path);
    if (!parsed) return;
    columns_.push_back(column);
    column_paths_.emplace_back(*std::move(parsed));
  };
  for (CustomResourceColumnDefinition& column : version_.additional_printer_columns) {
    if (column.description.empty()) {
      column.description = fmt::format("Custom resource definition column (in JSONPath format): {}",
                                       column.json_path);
    }
    add({column.name, column.type, column.format, column.description, column.priority},
        column.json_path);
  }
  if (version_.additional_printer_columns.empty()) add(kAge, kAgePath);
}

void CustomKind::read_selectable_fields() {
  for (const CustomResourceSelectableField& field : version_.selectable_fields) {
    auto parsed = JsonPath::parse(field.json_path);
    if (!parsed) continue;
    std::string_view path = field.json_path;
    if (path.starts_with('.')) path.remove_prefix(1);
    selectable_.push_back({std::string(path), *std::move(parsed)});
  }
}

void CustomKind::read(CustomObject& object, std::vector<std::string>* unknown) const {
  prune(object.content, schema_, unknown);
  set_schema_defaults(object.content, schema_);
  for (const char* name : {"apiVersion", "kind", "metadata"})
    object.content.erase(name);
  object.definition = this;
}

void CustomKind::show(CustomObject& object) const {
  prune(object.content, schema_, nullptr);
  drop_nulls(object.content, schema_);
  object.definition = this;
}

void CustomKind::prepare_create(CustomObject& object) const {
  if (has_status()) object.content.erase("status");
  object.metadata.generation = 1;
}

void CustomKind::prepare_update(CustomObject& object,
                                const CustomObject& old,
                                std::string_view subresource) const {
  const json::Value* status = old.content.find("status");
  if (subresource == "status") {
    const json::Value* reported = object.content.find("status");
    json::Object content = old.content;
    content.erase("status");
    if (reported != nullptr) content.set("status", *reported);
    object.content = std::move(content);
    // Of the metadata only who owns what may change.
    std::vector<ManagedFieldsEntry> owners = std::move(object.metadata.managed_fields);
    object.metadata = old.metadata;
    object.metadata.managed_fields = std::move(owners);
    return;
  }
  if (has_status()) {
    object.content.erase("status");
    if (status != nullptr) object.content.set("status", *status);
  }
  if (!(object.content == old.content)) ++object.metadata.generation;
}

namespace {

/// The number of replicas at a path of `scale`, if there is one.
void check_replicas(const json::Object& content,
                    const std::vector<std::string>& path,
                    const std::string& shown_path,
                    ValueErrors& errors) {
  const json::Value* value = find_member(content, path);
  const auto number = value == nullptr ? std::nullopt : value->as_int64();
  if (!number) return;
  if (*number < 0) {
    errors.invalid(shown_path, *value, "should be a non-negative integer");
  } else if (!std::in_range<std::int32_t>(*number)) {
    errors.invalid(shown_path, *value,
                   fmt::format("should be less than or equal to {}",
                               std::numeric_limits<std::int32_t>::max()));
  }
}

}  // namespace

json::Value CustomKind::whole(const CustomObject& object) const {
  json::Object out{{"apiVersion", api_version()}, {"kind", kind}};
  json::Object metadata{{"name", object.metadata.name}};
  if (!object.metadata.generate_name.empty())
    metadata.set("generateName", object.metadata.generate_name);
  out.set("metadata", std::move(metadata));
  for (const auto& [name, value] : object.content)
    out.set(name, value);
  return out;
}

void CustomKind::check(const CustomObject& object,
                       const CustomObject* old,
                       ValueErrors& errors) const {
  const json::Value now = whole(object);
  const json::Value before = old == nullptr ? json::Value() : whole(*old);
  const json::Value* was = old == nullptr ? nullptr : &before;
  check_value(now, was, schema_, "", errors);
  FieldErrors embedded;
  check_embedded(now, schema_, embedded);
  errors.append(std::move(embedded).take());
  FieldErrors lists_before;
  if (was != nullptr) check_list_types(*was, schema_, lists_before);
  FieldErrors lists;
  if (lists_before.empty()) check_list_types(now, schema_, lists);
  errors.append(std::move(lists).take());
  if (!rules_.empty() && errors.blocks_rules()) {
    errors.add("", "FieldValueInvalid",
               "Invalid value: null: some validation rules were not checked because the object was "
               "invalid; correct the existing errors to complete validation");
  } else if (!rules_.empty()) {
    rules_.check(now, was, errors);
  }
  if (!scale_) return;
  const CustomResourceSubresourceScale& paths = *version_.subresources->scale;
  check_replicas(object.content, scale_->spec_replicas, paths.spec_replicas_path, errors);
  check_replicas(object.content, scale_->status_replicas, paths.status_replicas_path, errors);
}

std::vector<json::Value> CustomKind::cells(const CustomObject& object, WallTime now) const {
  std::vector<json::Value> out;
  std::optional<json::Object> head;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!column_paths_[i]) {
      out.emplace_back(object.metadata.name);
      continue;
    }
    const json::Value* value = column_paths_[i]->find(object.content);
    if (value == nullptr) {
      if (!head) {
        head = {{"apiVersion", api_version()},
                {"kind", kind},
                {"metadata", to_json(type_of<ObjectMeta>(), &object.metadata)}};
      }
      value = column_paths_[i]->find(*head);
    }
    out.push_back(value == nullptr ? json::Value() : cell_of(*value, columns_[i].type, now));
  }
  return out;
}

bool CustomKind::is_selectable_field(std::string_view path) const {
  return std::ranges::find(selectable_, path, &Selectable::path) != selectable_.end();
}

std::string CustomKind::selectable_field(const CustomObject& object, std::string_view path) const {
  const auto field = std::ranges::find(selectable_, path, &Selectable::path);
  if (field == selectable_.end()) return {};
  const json::Value* value = field->value.find(object.content);
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(value->text()) : json::write(*value);
}

std::vector<std::string> CustomKind::warnings() const {
  if (!version_.deprecated) return {};
  if (version_.deprecation_warning) return {*version_.deprecation_warning};
  return {fmt::format("{} {} is deprecated", api_version(), kind)};
}

const CustomKind* custom_kind(const Kind& kind) {
  return is_custom(kind.type) ? static_cast<const CustomKind*>(&kind) : nullptr;
}

}  // namespace insula::api
