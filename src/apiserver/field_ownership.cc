#include "apiserver/field_ownership.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "api/apply/structured_merge.h"
#include "api/apply/table_schema.h"
#include "api/codec.h"
#include "api/custom/custom_kind.h"
#include "api/gen/meta_v1.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

using Entries = std::vector<api::ManagedFieldsEntry>;

constexpr const char* kUnknownManager = "unknown";

/// The ownership that a write starts from: what it says itself, so that it can be edited, else what
/// is there. What cannot be read counts as not said, as in Kubernetes.
api::ManagedFields starting_from(const Entries& said, const Entries& present) {
  if (api::resets_managed_fields(said)) return {};
  auto own = api::ManagedFields::decode(said);
  if (own && !own->empty()) return *std::move(own);
  return api::ManagedFields::decode(present).value_or(api::ManagedFields());
}

/// `text` up to the first byte that is none of a printable text.
std::string_view printable_prefix(std::string_view text) {
  const auto end = std::ranges::find_if(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  std::string_view out = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  // A name that is cut in the middle of a character.
  while (!json::is_utf8(out))
    out.remove_suffix(1);
  return out;
}

struct States {
  json::Value before;
  json::Value after;
};

/// Two states of an object in the form of a merge, but for members that are equal.
States differing_members(const api::Kind& kind, const void* present, const void* object) {
  if (api::custom_kind(kind) != nullptr)
    return {merge_form(kind, present), merge_form(kind, object)};
  States out{json::Object(), json::Object()};
  for (const api::FieldInfo& field : kind.type.fields) {
    // What is no struct has no text of its own.
    if (field.value->kind != api::ValueKind::kStruct)
      return {merge_form(kind, present), merge_form(kind, object)};
    const api::TypeInfo& type = *field.value->type;
    if (type.ops.equal(field.in(present), field.in(object))) continue;
    out.before.as_object()->set(std::string(field.name), api::to_json(type, field.in(present)));
    out.after.as_object()->set(std::string(field.name), api::to_json(type, field.in(object)));
  }
  return out;
}

}  // namespace

std::string field_manager_of(std::string_view field_manager, std::string_view user_agent) {
  if (!field_manager.empty()) return std::string(field_manager);
  const std::string_view name = user_agent.substr(0, user_agent.find('/'));
  return std::string(printable_prefix(name.substr(0, api::kManagerNameMax)));
}

const api::MergeSchema& merge_schema(const api::Kind& kind) {
  if (const api::CustomKind* custom = api::custom_kind(kind)) return custom->merge_schema();
  // Used by the registry's loop and, in tests, by several in a row.
  thread_local std::map<const api::Kind*, std::unique_ptr<api::TableSchema>> schemas;
  std::unique_ptr<api::TableSchema>& schema = schemas[&kind];
  if (!schema) schema = std::make_unique<api::TableSchema>(kind.type);
  return *schema;
}

json::Value merge_form(const api::Kind& kind, const void* object) {
  json::Value out = api::to_json(kind.type, object);
  out.as_object()->erase("apiVersion");
  out.as_object()->erase("kind");
  if (json::Value* metadata = out.find("metadata"); metadata != nullptr && metadata->is_object())
    metadata->as_object()->erase("managedFields");
  return out;
}

api::FieldSet untouched_fields(const api::Kind& kind, std::string_view subresource) {
  api::FieldSet out;
  if (subresource.empty() && kind.has_subresource("status"))
    out.add(api::PathElement::field("status"), api::FieldSet::leaf());
  if (subresource == "status") out.add(api::PathElement::field("spec"), api::FieldSet::leaf());
  return out;
}

UpdateOwnership::UpdateOwnership(std::string_view manager, std::string subresource, WallTime now)
    : manager_(manager.empty() ? kUnknownManager : manager),
      subresource_(std::move(subresource)),
      now_(now) {}

api::FieldWriter UpdateOwnership::writer(const api::Kind& kind) const {
  return {manager_, api::FieldWriter::Operation::kUpdate, kind.api_version(), subresource_};
}

void UpdateOwnership::created(const api::Kind& kind, void* object) const {
  Entries& entries = kind.metadata(object).managed_fields;
  api::ManagedFields managers = starting_from(std::exchange(entries, {}), {});
  api::Comparison change =
      api::compare(merge_schema(kind), json::Value(json::Object()), merge_form(kind, object));
  change.added.subtract_subtrees(untouched_fields(kind, subresource_));
  change.modified.subtract_subtrees(untouched_fields(kind, subresource_));
  managers.update(writer(kind), change, api::Time::from(now_));
  entries = managers.encode();
}

void UpdateOwnership::changed(const api::Kind& kind, void* object, const void* present) const {
  Entries& entries = kind.metadata(object).managed_fields;
  const Entries& before = kind.metadata(present).managed_fields;
  // Who may write a part of an object does not say who owns the whole.
  const bool edits = subresource_.empty() && !entries.empty() && entries != before;
  if (!edits) {
    entries = before;
    if (entries.empty() || kind.type.ops.equal(object, present)) return;
  }
  api::ManagedFields managers = edits ? starting_from(entries, before) : starting_from({}, before);
  if (managers.empty()) {
    entries.clear();
    return;
  }
  const States states = differing_members(kind, present, object);
  const api::Comparison change = api::compare(merge_schema(kind), states.before, states.after);
  managers.update(writer(kind), change, api::Time::from(now_));
  entries = managers.encode();
}

}  // namespace insula::apiserver
