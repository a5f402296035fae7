#include "client/client.h"

#include "base/check.h"
#include "client/typed.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::client {

std::string Target::path() const {
  INSULA_CHECK(kind != nullptr);
  std::string path = kind->group.empty() ? "/api/" : "/apis/";
  if (!kind->group.empty()) {
    path += kind->group;
    path += '/';
  }
  path += kind->version;
  if (kind->namespaced && !name_space.empty()) path += "/namespaces/" + name_space;
  path += '/';
  path += kind->plural;
  if (!name.empty()) path += '/' + name;
  if (!subresource.empty()) path += '/' + subresource;
  return path;
}

std::string DeleteOptions::json() const {
  json::Object body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (grace_period_seconds) body.set("gracePeriodSeconds", *grace_period_seconds);
  switch (propagation) {
    case Propagation::kDefault: break;
    case Propagation::kBackground: body.set("propagationPolicy", "Background"); break;
    case Propagation::kForeground: body.set("propagationPolicy", "Foreground"); break;
    case Propagation::kOrphan: body.set("propagationPolicy", "Orphan"); break;
  }
  json::Object preconditions;
  if (!precondition_uid.empty()) preconditions.set("uid", precondition_uid);
  if (!precondition_resource_version.empty()) preconditions.set("resourceVersion", precondition_resource_version);
  if (!preconditions.empty()) body.set("preconditions", std::move(preconditions));
  if (dry_run) body.set("dryRun", json::Array{"All"});
  return json::write(body);
}

std::string_view content_type(PatchType type) {
  switch (type) {
    case PatchType::kJson: return "application/json-patch+json";
    case PatchType::kMerge: return "application/merge-patch+json";
    case PatchType::kStrategicMerge: return "application/strategic-merge-patch+json";
    case PatchType::kApply: return "application/apply-patch+yaml";
  }
  INSULA_CHECK(false);
}

Result<RawList> decode_list(std::string_view text) {
  INSULA_TRY(json::Value root, json::parse(text));
  const json::Value& metadata = std::as_const(root)["metadata"];
  RawList list{{}, std::string(metadata["resourceVersion"].text()), std::string(metadata["continue"].text())};
  if (json::Value* items = root.find("items"); items != nullptr && items->is_array()) {
    list.items = std::move(*items->as_array());
  }
  return list;
}

Result<api::ObjectMeta> decode_metadata(const json::Value& object) {
  return api::decode_json<api::ObjectMeta>(object["metadata"]);
}

}  // namespace insula::client
