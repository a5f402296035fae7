#include "apiserver/subresource.h"

#include <algorithm>
#include <ranges>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/custom/custom_kind.h"
#include "api/field_errors.h"
#include "api/gen/apps_v1.h"
#include "api/gen/autoscaling_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/policy_v1.h"
#include "api/invalid.h"
#include "apiserver/preconditions.h"
#include "apiserver/request_options.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

/// A LabelSelector as a query string spells it: `a=b,tier in (x,y)`.
std::string selector_text(const api::LabelSelector& selector) {
  std::vector<std::string> parts;
  parts.reserve(selector.match_labels.size() + selector.match_expressions.size());
  for (const auto& [key, value] : selector.match_labels)
    parts.push_back(fmt::format("{}={}", key, value));
  for (const auto& rule : selector.match_expressions) {
    if (rule.operator_ == "Exists")
      parts.push_back(rule.key);
    else if (rule.operator_ == "DoesNotExist")
      parts.push_back("!" + rule.key);
    else
      parts.push_back(fmt::format("{} {} ({})", rule.key, rule.operator_ == "In" ? "in" : "notin",
                                  fmt::join(rule.values, ",")));
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

std::string selector_text(const api::Box<api::LabelSelector>& selector) {
  return selector ? selector_text(*selector) : std::string();
}

/// The selector of a ReplicationController, which knows equality only.
std::string selector_text(const std::map<std::string, std::string>& labels) {
  return selector_text(api::LabelSelector{.match_labels = labels, .match_expressions = {}});
}

void fill_metadata(api::Scale& scale, const api::ObjectMeta& meta) {
  scale.metadata.name = meta.name;
  scale.metadata.namespace_ = meta.namespace_;
  scale.metadata.uid = meta.uid;
  scale.metadata.resource_version = meta.resource_version;
  scale.metadata.creation_timestamp = meta.creation_timestamp;
}

template <class Owner>
void fill_scale(api::Scale& scale, const void* object) {
  const auto& owner = *static_cast<const Owner*>(object);
  fill_metadata(scale, owner.metadata);
  scale.spec.replicas = owner.spec.replicas.value_or(1);
  scale.status.replicas = owner.status.replicas;
  scale.status.selector = selector_text(owner.spec.selector);
}

/// A kind that has the subresource scale, and how its objects are read and written by it.
struct Scalable {
  const api::Kind& (*kind)();
  void (*fill)(api::Scale& scale, const void* object);
  std::optional<std::int32_t>& (*replicas)(void* object);
};

template <class Owner>
constexpr Scalable scalable() {
  return {api::kind_of<Owner>, fill_scale<Owner>, [](void* object) -> std::optional<std::int32_t>& {
            return static_cast<Owner*>(object)->spec.replicas;
          }};
}

constexpr Scalable kScalable[] = {
    scalable<api::Deployment>(),
    scalable<api::ReplicaSet>(),
    scalable<api::StatefulSet>(),
    scalable<api::ReplicationController>(),
};

const Scalable& scalable_of(const api::Kind& kind) {
  for (const Scalable& each : kScalable) {
    if (&each.kind() == &kind) return each;
  }
  check_failed(__FILE__, __LINE__, "kind has the subresource scale", kind.kind);
}

/// A number of replicas in a custom object; 0 where there is none.
std::int32_t replicas_at(const json::Object& content, const std::vector<std::string>& path) {
  const json::Value* value = api::find_member(content, path);
  const auto number = value == nullptr ? std::nullopt : value->as_int64();
  return number && std::in_range<std::int32_t>(*number) ? static_cast<std::int32_t>(*number) : 0;
}

void fill_custom(api::Scale& scale, const api::CustomKind& kind, const api::CustomObject& object) {
  const api::CustomKind::ScalePaths& paths = *kind.scale();
  fill_metadata(scale, object.metadata);
  scale.spec.replicas = replicas_at(object.content, paths.spec_replicas);
  scale.status.replicas = replicas_at(object.content, paths.status_replicas);
  if (const json::Value* selector = api::find_member(object.content, paths.selector))
    scale.status.selector = selector->text();
}

Result<Object> scaled(const api::Kind& kind, const void* present, const api::Scale& scale) {
  Object object = copy_object(kind.type, present);
  api::ObjectMeta& meta = kind.metadata(object.get());
  INSULA_TRY_VOID(check_place(scale.metadata, meta));
  // Of custom objects it is told by the path that they have it at, with all that is wrong.
  if (scale.spec.replicas < 0 && api::custom_kind(kind) == nullptr) {
    return std::unexpected(
        api::invalid("Scale", "autoscaling", meta.name,
                     {{"spec.replicas", "FieldValueInvalid",
                       fmt::format("Invalid value: {}: must be greater than or equal to 0",
                                   scale.spec.replicas)}}));
  }
  if (!scale.metadata.uid.empty() && scale.metadata.uid != meta.uid)
    return conflict({&kind, meta.namespace_, meta.name, ""},
                    other_uid(scale.metadata.uid, meta.uid), "scale");
  if (!scale.metadata.resource_version.empty())
    meta.resource_version = scale.metadata.resource_version;
  if (api::custom_kind(kind) != nullptr) {
    json::Object& content = static_cast<api::CustomObject*>(object.get())->content;
    const std::vector<std::string> path = replicas_path(kind);
    json::Value* at = &content[path.front()];
    for (const std::string& name : path | std::views::drop(1))
      at = &(*at)[name];
    *at = scale.spec.replicas;
  } else {
    scalable_of(kind).replicas(object.get()) = scale.spec.replicas;
  }
  return object;
}

}  // namespace

Result<> check_has_replicas(const api::Kind& kind, const void* object) {
  const api::CustomKind* custom = api::custom_kind(kind);
  if (custom == nullptr) return {};
  const std::vector<std::string>& path = custom->scale()->spec_replicas;
  const auto& content = static_cast<const api::CustomObject*>(object)->content;
  if (api::find_member(content, path) != nullptr) return {};
  return fail(ErrorCode::kInternal,
              fmt::format("Internal error occurred: the spec replicas field \".{}\" does not exist",
                          fmt::join(path, ".")));
}

std::shared_ptr<api::Scale> scale_of(const api::Kind& kind, const void* object) {
  auto scale = std::make_shared<api::Scale>();
  if (const api::CustomKind* custom = api::custom_kind(kind)) {
    fill_custom(*scale, *custom, *static_cast<const api::CustomObject*>(object));
    return scale;
  }
  scalable_of(kind).fill(*scale, object);
  return scale;
}

Target pod_of(const Target& target) {
  return {&api::kind_of<api::Pod>(), target.name_space, target.name, target.subresource};
}

Result<> check_binding(std::string_view pod, const Object& binding) {
  const auto& asked = *static_cast<const api::Binding*>(binding.get());
  if (!asked.metadata.name.empty() && asked.metadata.name != pod)
    return fail(ErrorCode::kBadRequest, "name in URL does not match name in Binding object");
  api::FieldErrors errors;
  if (!asked.target.kind.empty() && asked.target.kind != "Node")
    errors.not_supported(api::FieldPath("target.kind"), asked.target.kind, {"Node", "<empty>"});
  if (asked.target.name.empty()) errors.required(api::FieldPath("target.name"), "");
  if (errors.empty()) return {};
  return std::unexpected(api::invalid("Binding", "", pod, std::move(errors).take()));
}

Registry::Change bind_to(const Object& binding, WallTime now) {
  return [binding, now](const ConstObject& present) -> Result<Object> {
    const auto& asked = *static_cast<const api::Binding*>(binding.get());
    auto pod = std::make_shared<api::Pod>(*static_cast<const api::Pod*>(present.get()));
    auto refuse = [&](const std::string& why) {
      return conflict({&api::kind_of<api::Pod>(), pod->metadata.namespace_, pod->metadata.name, ""},
                      why, "binding");
    };
    if (!asked.metadata.uid.empty() && asked.metadata.uid != pod->metadata.uid)
      return refuse(other_uid(asked.metadata.uid, pod->metadata.uid));
    if (pod->metadata.deletion_timestamp)
      return refuse(
          fmt::format("pod {} is being deleted, cannot be assigned to a host", pod->metadata.name));
    if (!pod->spec.node_name.empty())
      return refuse(fmt::format("pod {} is already assigned to node \"{}\"", pod->metadata.name,
                                pod->spec.node_name));
    pod->spec.node_name = asked.target.name;
    for (const auto& [key, value] : asked.metadata.annotations)
      pod->metadata.annotations[key] = value;
    auto& conditions = pod->status.conditions;
    std::erase_if(conditions, [](const api::PodCondition& c) { return c.type == "PodScheduled"; });
    api::PodCondition scheduled;
    scheduled.type = "PodScheduled";
    scheduled.status = "True";
    scheduled.last_transition_time = api::Time::from(now);
    conditions.push_back(std::move(scheduled));
    return Object(pod);
  };
}

Result<DeleteQuery> eviction_query(const Object& eviction) {
  const auto& asked = *static_cast<const api::Eviction*>(eviction.get());
  if (!asked.delete_options) return DeleteQuery{};
  return delete_query(*asked.delete_options);
}

bool is_dry_eviction(const Object& eviction) {
  const auto& asked = *static_cast<const api::Eviction*>(eviction.get());
  return asked.delete_options && !asked.delete_options->dry_run.empty();
}

const api::Kind& body_kind(const api::Kind& kind, std::string_view subresource) {
  if (subresource == "scale") return api::kind_of<api::Scale>();
  if (subresource == "binding") return api::kind_of<api::Binding>();
  if (subresource == "eviction") return api::kind_of<api::Eviction>();
  return kind;
}

store::EntryPtr scale_entry(const api::Kind& kind, const store::Entry& entry) {
  auto out = std::make_shared<store::Entry>();
  const std::shared_ptr<api::Scale> scale = scale_of(kind, object_of(kind, entry).get());
  out->key = entry.key;
  out->revision = entry.revision;
  out->value = encode(api::kind_of<api::Scale>(), scale.get());
  out->decoded = scale;
  return out;
}

std::vector<std::string> replicas_path(const api::Kind& kind) {
  if (const api::CustomKind* custom = api::custom_kind(kind)) return custom->scale()->spec_replicas;
  return {"spec", "replicas"};
}

Registry::Change change_by_scale(const api::Kind& kind, Registry::Change change) {
  return [&kind, change = std::move(change)](const ConstObject& present) -> Result<Object> {
    INSULA_TRY(const Object scale, change(scale_of(kind, present.get())));
    return scaled(kind, present.get(), *static_cast<const api::Scale*>(scale.get()));
  };
}

}  // namespace insula::apiserver
