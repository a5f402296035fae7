#include "client/client.h"

#include "base/check.h"
#include "client/typed.h"
#include "http/url.h"
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
  if (kind->namespaced && !name_space.empty()) {
    path += "/namespaces/" + http::percent_encode(name_space);
  }
  path += '/';
  path += kind->plural;
  if (!name.empty()) path += '/' + http::percent_encode(name);
  if (!subresource.empty()) path += '/' + http::percent_encode(subresource);
  return path;
}

Result<> Target::check_name() const {
  INSULA_CHECK(kind != nullptr);
  if (!name.empty() && name != "." && name != "..") return {};
  return fail(ErrorCode::kInvalid, name.empty()
                                       ? kind->group_resource() + ": the name is empty"
                                       : kind->group_resource() + " \"" + name + "\": not a name");
}

std::string DeleteOptions::json() const {
  json::Object body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (grace_period_seconds) body.set("gracePeriodSeconds", *grace_period_seconds);
  switch (propagation) {
    case Propagation::kDefault:
      break;
    case Propagation::kBackground:
      body.set("propagationPolicy", "Background");
      break;
    case Propagation::kForeground:
      body.set("propagationPolicy", "Foreground");
      break;
    case Propagation::kOrphan:
      body.set("propagationPolicy", "Orphan");
      break;
  }
  json::Object preconditions;
  if (!precondition_uid.empty()) preconditions.set("uid", precondition_uid);
  if (!precondition_resource_version.empty())
    preconditions.set("resourceVersion", precondition_resource_version);
  if (!preconditions.empty()) body.set("preconditions", std::move(preconditions));
  if (dry_run) body.set("dryRun", json::Array{"All"});
  return json::write(body);
}

std::string_view content_type(PatchType type) {
  switch (type) {
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
    case PatchType::kApply:
      return "application/apply-patch+yaml";
  }
  INSULA_CHECK(false);
}

Task<Result<Page>> Client::page(Target target, ListOptions options) {
  INSULA_CO_TRY(const std::string text, co_await list(std::move(target), std::move(options)));
  co_return decode_page(text);
}

Result<Page> decode_page(std::string_view text) {
  INSULA_TRY(json::Value root, json::parse(text));
  const json::Value& metadata = std::as_const(root)["metadata"];
  Page page{{},
            std::string(metadata["resourceVersion"].text()),
            std::string(metadata["continue"].text())};
  if (json::Value* items = root.find("items"); items != nullptr && items->is_array()) {
    page.items.reserve(items->as_array()->size());
    for (json::Value& item : *items->as_array())
      page.items.push_back({std::move(item)});
  }
  return page;
}

Result<api::ObjectMeta> decode_metadata(const json::Value& object) {
  return api::decode_json<api::ObjectMeta>(object["metadata"]);
}

Result<api::ObjectMeta> metadata_of(const api::Kind& kind, const PageItem& item) {
  if (item.decoded) return kind.metadata(item.decoded.get());
  return decode_metadata(item.json);
}

Result<api::ObjectMeta> metadata_of(const api::Kind& kind, const WatchEvent& event) {
  if (event.decoded) return kind.metadata(event.decoded.get());
  INSULA_TRY(const json::Value object, json::parse(event.object));
  return decode_metadata(object);
}

}  // namespace insula::client
