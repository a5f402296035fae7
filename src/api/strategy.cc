#include "api/strategy.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "api/any_kind.h"
#include "api/custom/custom_kind.h"
#include "api/field_errors.h"
#include "api/gen/meta_v1.h"
#include "api/invalid.h"
#include "api/kind.h"
#include "api/validation/metadata.h"
#include "api/version.h"

namespace insula::api {

namespace {

Result<> verdict(const Kind& kind, const void* object, std::vector<FieldCause> causes) {
  if (causes.empty()) return {};
  return std::unexpected(
      invalid(kind.kind, kind.group, kind.metadata(object).name, std::move(causes)));
}

Result<> verdict(const Kind& kind, const void* object, FieldErrors errors) {
  return verdict(kind, object, std::move(errors).take());
}

CustomObject& custom(void* object) {
  return *static_cast<CustomObject*>(object);
}

const CustomObject& custom(const void* object) {
  return *static_cast<const CustomObject*>(object);
}

/// What is wrong with the metadata of a custom object, then with the rest. `old` may be null.
Result<> check_custom(const CustomKind& kind,
                      const void* object,
                      const void* old,
                      FieldErrors metadata) {
  ValueErrors errors;
  kind.check(custom(object), old == nullptr ? nullptr : &custom(old), errors);
  std::vector<FieldCause> causes = std::move(metadata).take();
  std::ranges::move(std::move(errors).take(), std::back_inserter(causes));
  return verdict(kind, object, std::move(causes));
}

struct Rules {
  decltype(KindStrategy::validate) validate;
  decltype(KindStrategy::validate_create) validate_create;
  decltype(KindStrategy::validate_update) validate_update;
};

FinalizerRule finalizer_rule(const Kind& kind) {
  return has_custom_metadata(kind) ? FinalizerRule::kQualified : FinalizerRule::kWithPath;
}

/// Custom objects are checked as the version that is written.
const Kind& checked_as(const Kind& version) {
  return custom_kind(version) != nullptr ? version : version.storage();
}

/// A version that asks for more than the kind as which it is stored has rules of its own.
Rules rules_of(const Kind& kind) {
  if (kind.stored_as != nullptr) {
    const Version& version = version_of(kind);
    if (version.validate != nullptr)
      return {version.validate, version.validate_create, version.validate_update};
  }
  const KindStrategy& strategy = strategy_of(kind.storage());
  return {strategy.validate, strategy.validate_create, strategy.validate_update};
}

/// What only the server sets; a client may leave it out.
void carry_over(ObjectMeta& metadata, const ObjectMeta& old) {
  if (metadata.uid.empty()) metadata.uid = old.uid;
  if (metadata.creation_timestamp.is_zero()) metadata.creation_timestamp = old.creation_timestamp;
  // Once set, a deletion cannot be taken back or given another time.
  if (old.deletion_timestamp) {
    metadata.deletion_timestamp = old.deletion_timestamp;
    metadata.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
  }
  metadata.generation = old.generation;
  metadata.self_link.clear();
}

}  // namespace

void prepare_create(const Kind& kind, void* object) {
  ObjectMeta& metadata = kind.metadata(object);
  if (const CustomKind* own = custom_kind(kind)) {
    own->prepare_create(custom(object));
  } else {
    const KindStrategy& strategy = strategy_of(kind);
    if (strategy.set_defaults != nullptr) strategy.set_defaults(object);
    if (strategy.prepare_for_create != nullptr) strategy.prepare_for_create(object);
    metadata.generation = strategy.spec_changed != nullptr ? 1 : 0;
  }
  metadata.deletion_timestamp.reset();
  metadata.deletion_grace_period_seconds.reset();
  metadata.self_link.clear();
}

Result<> check_create(const Kind& version, const void* object) {
  FieldErrors errors;
  const Kind& kind = checked_as(version);
  MetadataRules metadata{.scope = kind.namespaced ? Scope::kNamespaced : Scope::kCluster,
                         .finalizers = finalizer_rule(kind)};
  if (const CustomKind* own = custom_kind(kind)) {
    validate_metadata(kind.metadata(object), metadata, errors);
    return check_custom(*own, object, nullptr, std::move(errors));
  }
  const Rules rules = rules_of(version);
  metadata.name = strategy_of(kind).name_rule;
  validate_metadata(kind.metadata(object), metadata, errors);
  if (rules.validate != nullptr) rules.validate(object, errors);
  if (rules.validate_create != nullptr) rules.validate_create(object, errors);
  return verdict(kind, object, std::move(errors));
}

void prepare_update(const Kind& kind, void* object, const void* old, std::string_view subresource) {
  if (const CustomKind* own = custom_kind(kind)) {
    carry_over(kind.metadata(object), kind.metadata(old));
    return own->prepare_update(custom(object), custom(old), subresource);
  }
  const KindStrategy& strategy = strategy_of(kind);
  if (strategy.set_defaults != nullptr) strategy.set_defaults(object);
  ObjectMeta& metadata = kind.metadata(object);
  carry_over(metadata, kind.metadata(old));
  if (strategy.prepare_for_update != nullptr) strategy.prepare_for_update(object, old, subresource);
  if (strategy.spec_changed != nullptr && strategy.spec_changed(object, old)) ++metadata.generation;
}

Result<> check_update(const Kind& version,
                      const void* object,
                      const void* old,
                      std::string_view subresource) {
  FieldErrors errors;
  const Kind& kind = checked_as(version);
  validate_metadata_update(kind.metadata(object), kind.metadata(old), finalizer_rule(kind), errors);
  if (const CustomKind* own = custom_kind(kind))
    return check_custom(*own, object, old, std::move(errors));
  const Rules rules = rules_of(version);
  // A status is written by controllers, and must not be held up by rules on the spec that came
  // later.
  if (subresource != "status" && rules.validate != nullptr) rules.validate(object, errors);
  if (rules.validate_update != nullptr) rules.validate_update(object, old, subresource, errors);
  return verdict(kind, object, std::move(errors));
}

std::optional<std::string> selectable_field(const Kind& kind,
                                            const void* object,
                                            std::string_view path) {
  if (path == "metadata.name") return kind.metadata(object).name;
  if (path == "metadata.namespace") return kind.metadata(object).namespace_;
  if (const CustomKind* own = custom_kind(kind)) {
    if (!own->is_selectable_field(path)) return std::nullopt;
    return own->selectable_field(custom(object), path);
  }
  for (const SelectableField& field : strategy_of(kind).selectable_fields) {
    if (field.path == path) return field.value(object);
  }
  return std::nullopt;
}

bool is_selectable_field(const Kind& kind, std::string_view path) {
  if (path == "metadata.name" || path == "metadata.namespace") return true;
  if (const CustomKind* own = custom_kind(kind)) return own->is_selectable_field(path);
  return std::ranges::any_of(strategy_of(kind).selectable_fields,
                             [&](const SelectableField& field) { return field.path == path; });
}

}  // namespace insula::api
