#include "apiserver/admission_request.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
#include "api/gen/meta_v1.h"
#include "api/subresources.h"
#include "api/version.h"
#include "apiserver/object.h"
#include "base/check.h"
#include "json/parse.h"

namespace insula::apiserver {

namespace {

json::Value kind_fields(const api::Kind& kind) {
  return json::Object{{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}};
}

json::Value resource_fields(const api::Kind& kind) {
  return json::Object{{"group", kind.group}, {"version", kind.version}, {"resource", kind.plural}};
}

json::Value user_fields(const User& user) {
  json::Object out{{"username", user.name}};
  if (!user.uid.empty()) out["uid"] = user.uid;
  out["groups"] = json::Array(user.groups.begin(), user.groups.end());
  if (user.extra.empty()) return out;
  json::Object extra;
  for (const auto& [key, values] : user.extra)
    extra[key] = json::Array(values.begin(), values.end());
  out["extra"] = std::move(extra);
  return out;
}

}  // namespace

std::string_view text_of(AdmissionOperation operation) {
  constexpr std::array<std::string_view, 4> kTexts = {"CREATE", "UPDATE", "DELETE", "CONNECT"};
  return kTexts.at(static_cast<std::size_t>(operation));
}

const json::Value& AdmissionObject::as(const api::Kind& kind) const {
  if (object_ == nullptr) return value_;
  const auto [it, fresh] = shown_.try_emplace(&kind);
  if (!fresh) return it->second;
  std::string text;
  if (api::custom_kind(kind) != nullptr && &kind.storage() == &kind_->storage()) {
    text = encode(kind, object_);
  } else if (&kind == kind_ || &kind.storage() != kind_) {
    text = encode(*kind_, object_);
  } else {
    const Object shown = new_object(kind.type);
    api::version_of(kind).show(object_, shown.get());
    text = encode(kind, shown.get());
  }
  Result<json::Value> value = json::parse(text);
  INSULA_CHECK(value, "what was encoded can be read");
  it->second = *std::move(value);
  return it->second;
}

const std::map<std::string, std::string>& AdmissionObject::labels() const {
  static const std::map<std::string, std::string> none;
  if (object_ == nullptr || kind_->metadata_offset == api::kNoMetadata) return none;
  return kind_->metadata(object_).labels;
}

const api::Kind& AdmissionRequest::kind_as(const api::Kind& version) const {
  const api::Kind* kind = nullptr;
  if (!subresource.empty()) {
    const api::Subresource body = api::subresource_of(version, subresource);
    const std::string group_version = body.group.empty()
                                          ? std::string(body.version)
                                          : fmt::format("{}/{}", body.group, body.version);
    kind = api::find_kind(group_version, body.kind);
  }
  return kind == nullptr ? version : *kind;
}

json::Object AdmissionRequest::fields_as(const api::Kind& version) const {
  json::Object out{{"kind", kind_fields(kind_as(version))}, {"resource", resource_fields(version)}};
  if (operation == AdmissionOperation::kConnect)
    out["kind"] =
        json::Object{{"group", ""}, {"version", "v1"}, {"kind", object.as(version)["kind"].text()}};
  if (!subresource.empty()) out["subResource"] = subresource;
  out["requestKind"] =
      operation == AdmissionOperation::kConnect ? out["kind"] : kind_fields(kind_as(requested));
  out["requestResource"] = resource_fields(requested);
  if (!subresource.empty()) out["requestSubResource"] = subresource;
  if (!name.empty()) out["name"] = name;
  if (!name_space.empty()) out["namespace"] = name_space;
  out["operation"] = text_of(operation);
  out["userInfo"] = user_fields(user);
  out["dryRun"] = dry_run;
  if (operation == AdmissionOperation::kConnect) return out;
  constexpr std::array<std::string_view, 3> kOptions = {"CreateOptions", "UpdateOptions",
                                                        "DeleteOptions"};
  json::Object options{{"kind", kOptions.at(static_cast<std::size_t>(operation))},
                       {"apiVersion", "meta.k8s.io/v1"}};
  if (dry_run) options["dryRun"] = json::Array{"All"};
  if (!field_manager.empty()) options["fieldManager"] = field_manager;
  out["options"] = std::move(options);
  return out;
}

}  // namespace insula::apiserver
