#include "apiserver/apply.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/apply/structured_merge.h"
#include "api/codec.h"
#include "api/custom/custom_kind.h"
#include "api/gen/autoscaling_v1.h"
#include "api/gen/meta_v1.h"
#include "api/strategy.h"
#include "apiserver/preconditions.h"
#include "apiserver/registry_writes.h"
#include "apiserver/subresource.h"
#include "apiserver/version.h"
#include "json/parse.h"
#include "json/type_name.h"
#include "json/write.h"
#include "json/yaml.h"

namespace insula::apiserver {

namespace {

using api::FieldSet;
using api::FieldWriter;
using api::PathElement;

/// Who owns what was there when an object that nobody tracked is applied first.
constexpr const char* kBeforeFirstApply = "before-first-apply";
/// The manager for which an object that kubectl applied itself becomes one that the server applies.
constexpr const char* kKubectl = "kubectl";
constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields that one refusal names: it must not be many times what was sent.
constexpr std::size_t kConflictsShownMax = 100;

std::unexpected<Error> bad_request(std::string why) {
  return fail(ErrorCode::kBadRequest, std::move(why));
}

/// A Scale's part of the object of a kind that is scaled.
json::Value scaled_part(const api::Kind& kind, const json::Value& scale) {
  json::Object out;
  if (const json::Value* metadata = scale.find("metadata")) out.set("metadata", *metadata);
  const json::Value* replicas = scale["spec"].find("replicas");
  if (replicas == nullptr) return out;
  json::Value content = std::move(out);
  json::Value* at = &content;
  for (const std::string& name : replicas_path(kind))
    at = &(*at)[name];
  *at = *replicas;
  return content;
}

std::string shown_owner(const FieldWriter& owner) {
  std::string out = fmt::format("\"{}\"", owner.name);
  if (!owner.subresource.empty()) out += fmt::format(" with subresource \"{}\"", owner.subresource);
  // Appliers are one, whatever version they write.
  if (owner.operation == FieldWriter::Operation::kUpdate) out += " using " + owner.api_version;
  return out;
}

/// As Kubernetes prints a version: with the group, even where that has no name.
std::string with_group(std::string_view api_version) {
  return fmt::format("{}{}", api_version.contains('/') ? "" : "/", api_version);
}

Error conflict_error(const std::vector<api::FieldConflict>& conflicts) {
  std::vector<FieldCause> causes;
  std::string list;
  std::size_t count = 0;
  for (const api::FieldConflict& conflict : conflicts) {
    const std::string owner = shown_owner(conflict.owner);
    if (causes.size() < kConflictsShownMax)
      list += fmt::format("{}conflicts with {}:", list.empty() ? "" : "\n", owner);
    for (const std::string& path : conflict.fields.paths()) {
      if (++count > kConflictsShownMax) continue;
      causes.push_back({path, "FieldManagerConflict", "conflict with " + owner});
      list += "\n- " + path;
    }
  }
  std::string message = count == 1 ? fmt::format("Apply failed with 1 conflict: {}: {}",
                                                 causes[0].message, causes[0].field)
                                   : fmt::format("Apply failed with {} conflicts: {}", count, list);
  return Error(ErrorCode::kConflict, std::move(message)).with_causes(std::move(causes));
}

/// Fields that kubectl applied itself last and nobody has changed since.
FieldSet unchanged_since_last_applied(const api::Kind& kind, const json::Value& live) {
  const json::Value& annotation = live["metadata"]["annotations"][kLastApplied];
  auto applied = json::parse(annotation.text());
  if (!applied || !applied->is_object()) return {};
  applied->as_object()->erase("apiVersion");
  applied->as_object()->erase("kind");
  auto fields = api::field_set_of(merge_schema(kind), *applied);
  if (!fields) return {};
  const api::Comparison since = api::compare(merge_schema(kind), *applied, live);
  for (const FieldSet* set : {&since.added, &since.modified, &since.removed})
    fields->subtract(*set);
  return *std::move(fields);
}

}  // namespace

Result<json::Value> parse_configuration(std::string_view body) {
  auto value = json::parse_yaml_document(body);
  constexpr std::string_view kNotRead = "error decoding YAML: ";
  if (!value)
    return bad_request(
        fmt::format("{}error converting YAML to JSON: {}", kNotRead, value.error().message()));
  if (value->is_null()) return json::Value(json::Object());
  if (!value->is_object())
    return bad_request(
        fmt::format("{}error unmarshaling JSON: while decoding JSON: json: cannot "
                    "unmarshal {} into Go value of type map[string]interface {{}}",
                    kNotRead, json::type_name(*value)));
  return *std::move(value);
}

Result<Applier> Applier::make(const Target& target,
                              Application application,
                              std::string manager,
                              WallTime now) {
  const api::Kind& kind = *target.kind;
  const api::Kind& stored = written_as(kind);
  Applier out(stored,
              {std::move(manager), FieldWriter::Operation::kApply, stored.api_version(),
               target.subresource},
              now);
  out.force_ = application.force;
  out.last_applied_ = json::write(application.config) + "\n";
  out.config_ = std::move(application.config);
  INSULA_TRY_VOID(out.check_config(target));
  return out;
}

/// Brings the configuration into the form of a merge of the stored kind.
Result<> Applier::check_config(const Target& target) {
  const api::Kind& kind = *target.kind;
  const bool scale = writer_.subresource == "scale";
  const api::Kind& sent = scale ? api::kind_of<api::Scale>() : kind;
  const std::string version(config_["apiVersion"].text());
  if (version != sent.api_version() || config_["kind"].text() != sent.kind)
    return bad_request(fmt::format("invalid object type: {}, Kind={}", with_group(version),
                                   config_["kind"].text()));
  json::Object& config = *config_.as_object();
  config.erase("apiVersion");
  config.erase("kind");
  const json::Value& metadata = std::as_const(config_)["metadata"];
  if (!metadata["managedFields"].is_null())
    return bad_request("metadata.managedFields must be nil");
  auto fields = api::field_set_of(merge_schema(sent), config_);
  if (!fields)
    return bad_request(fmt::format("failed to create typed patch object ({}/{}; {}, Kind={}): {}",
                                   target.name_space, target.name, version, sent.kind,
                                   fields.error().message()));
  if (scale) config_ = scaled_part(kind, config_);
  if (&kind != kind_) {
    Object object = new_object(kind.type);
    INSULA_TRY_VOID(api::decode_json(kind.type, object.get(), config_));
    config_ = merge_form(*kind_, stored_form(kind, object).get());
  }
  if (scale || &kind != kind_) {
    INSULA_TRY(fields, api::field_set_of(merge_schema(*kind_), config_));
  }
  fields_ = *std::move(fields);
  const FieldSet untouched =
      api::with_parents(merge_schema(*kind_), untouched_fields(*kind_, writer_.subresource));
  fields_.subtract_subtrees(untouched);
  config_ = api::remove_fields(merge_schema(*kind_), std::move(config_), untouched);
  return {};
}

Result<Object> Applier::decode(const json::Value& merged) const {
  Object object = new_object(kind_->type);
  INSULA_TRY_VOID(api::decode_json(kind_->type, object.get(), merged));
  return object;
}

Result<Object> Applier::create() const {
  const json::Value& metadata = config_["metadata"];
  if (!metadata["uid"].text().empty()) {
    return conflict({kind_, "", std::string(metadata["name"].text()), ""},
                    fmt::format("uid mismatch: the provided object specified uid {}, and no "
                                "existing object was found",
                                metadata["uid"].text()));
  }
  if (!metadata["resourceVersion"].text().empty() || !writer_.subresource.empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("{} \"{}\" not found", kind_->group_resource(),
                                                  metadata["name"].text()));
  }
  INSULA_TRY(Object object, decode(config_));
  api::ManagedFields managers;
  managers.apply(writer_, fields_, {}, api::Time::from(now_));
  kind_->metadata(object.get()).managed_fields = managers.encode();
  return object;
}

/// `live` with what the configuration says, and without what its manager applied before and neither
/// it nor anybody else wants any more.
json::Value Applier::merged(const json::Value& live,
                            const api::ManagedFields& managers,
                            const FieldSet& fields) const {
  const api::MergeSchema& schema = merge_schema(*kind_);
  json::Value out = api::merge(schema, live, config_);
  const api::ManagedFields::Manager* last = managers.find(writer_);
  if (last == nullptr) return out;
  FieldSet wanted = managers.all(&writer_);
  wanted.unite(fields);
  FieldSet gone = api::with_parents(schema, last->fields);
  gone.subtract(api::with_parents(schema, wanted));
  gone.subtract(api::unowned_fields());
  return api::remove_fields(schema, std::move(out), gone);
}

Result<> Applier::settle_conflicts(const json::Value& live,
                                   const api::ManagedFields& managers,
                                   const api::Comparison& change) const {
  if (force_) return {};
  std::vector<api::FieldConflict> conflicts = managers.conflicts(writer_, change);
  if (!conflicts.empty() && writer_.name == kKubectl) {
    const FieldSet allowed = unchanged_since_last_applied(*kind_, live);
    for (api::FieldConflict& conflict : conflicts)
      conflict.fields.subtract(allowed);
    std::erase_if(conflicts, [](const auto& conflict) { return conflict.fields.empty(); });
  }
  if (conflicts.empty()) return {};
  return std::unexpected(conflict_error(conflicts));
}

Result<Object> Applier::change(const ConstObject& present) const {
  const api::MergeSchema& schema = merge_schema(*kind_);
  const api::Time now = api::Time::from(now_);
  const json::Value live = merge_form(*kind_, present.get());
  api::ManagedFields managers =
      api::ManagedFields::decode(kind_->metadata(present.get()).managed_fields)
          .value_or(api::ManagedFields());
  if (managers.empty()) {
    api::Comparison all = api::compare(schema, json::Value(json::Object()), live);
    for (FieldSet* set : {&all.added, &all.modified})
      set->subtract_subtrees(untouched_fields(*kind_, ""));
    managers.update({kBeforeFirstApply, FieldWriter::Operation::kUpdate, kind_->api_version(), ""},
                    all, now);
  }
  const json::Value next = merged(live, managers, fields_);
  INSULA_TRY(Object object, decode(next));
  const bool status = writer_.subresource == "status";
  api::prepare_update(*kind_, object.get(), present.get(), status ? "status" : "");
  api::Comparison change = api::compare(schema, live, merge_form(*kind_, object.get()));
  change.modified.unite(api::rewritten_fields(schema, live, next));
  INSULA_TRY_VOID(settle_conflicts(live, managers, change));
  managers.apply(writer_, fields_, change, now);
  api::ObjectMeta& meta = kind_->metadata(object.get());
  meta.managed_fields = managers.encode();
  // What kubectl compares with, should it apply by itself again. It stays whose it was.
  if (writer_.name == kKubectl && meta.annotations.contains(kLastApplied))
    meta.annotations[kLastApplied] = last_applied_;
  return object;
}

Task<Result<Written>> Registry::apply(Target target,
                                      Application application,
                                      WriteContext context) {
  const api::Kind& kind = *target.kind;
  INSULA_CO_TRY(const Applier applier, Applier::make(target, std::move(application),
                                                     context.field_manager, clock_.wall()));
  Write write(std::move(target), kind, context, applier, *admission_);
  write.target.kind = &written_as(kind);
  if (write.is_scale()) write.target.subresource.clear();
  const Change change = [&](const ConstObject& present) { return applier.change(present); };
  auto body = [&](store::Transaction& transaction) -> Result<Written> {
    const Target& to = write.target;
    if (transaction.find(store_key(*to.kind, to.name_space, to.name)))
      return change_in(transaction, write, change);
    INSULA_TRY(const Object object, applier.create());
    if (context.may_create) INSULA_TRY_VOID(context.may_create());
    return create_in(transaction, write, object);
  };
  INSULA_CO_TRY(Written written, co_await this->write(write, std::move(body)));
  written.entry =
      write.is_scale() ? scale_entry(kind, *written.entry) : shown_as(kind, written.entry);
  co_return written;
}

}  // namespace insula::apiserver
