#include "api/openapi.h"

#include <cstdint>
#include <map>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
#include "api/openapi_schemas.h"
#include "api/protobuf.h"
#include "api/schema_tables.h"
#include "api/subresources.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

/// Grows with every change of what is written here; the schema files have a digest of their own.
constexpr int kDocumentRevision = 3;
constexpr std::string_view kPatchSchema = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

std::string path_of(const Kind& kind) {
  return (kind.group.empty() ? "api/" : "apis/") + kind.api_version();
}

Value parameter(std::string_view in,
                std::string_view name,
                std::string_view type,
                std::string_view description) {
  Value out = Object{{"name", name},
                     {"in", in},
                     {"description", description},
                     {"schema", Object{{"type", type}, {"uniqueItems", true}}}};
  if (in == "path") out["required"] = true;
  return out;
}

Array write_parameters(bool patch) {
  Array out{
      parameter("query", "dryRun", "string", "All: check everything and change nothing."),
      parameter("query", "fieldManager", "string", "Name under which the writer owns the fields."),
      parameter("query", "fieldValidation", "string",
                "What an unknown field means: Ignore, Warn or Strict.")};
  if (patch)
    out.push_back(parameter("query", "force", "boolean",
                            "Take over fields that others own; for apply patches."));
  return out;
}

Array list_parameters() {
  return {parameter("query", "labelSelector", "string", "Only objects with these labels."),
          parameter("query", "fieldSelector", "string", "Only objects with these fields."),
          parameter("query", "limit", "integer", "Most objects in one answer."),
          parameter("query", "continue", "string", "Token of the last answer, for the next part."),
          parameter("query", "resourceVersion", "string", "State to read, or to watch from."),
          parameter("query", "resourceVersionMatch", "string",
                    "How resourceVersion is meant: Exact or NotOlderThan."),
          parameter("query", "timeoutSeconds", "integer", "How long a watch lasts."),
          parameter("query", "allowWatchBookmarks", "boolean", "Send bookmarks in a watch."),
          parameter("query", "sendInitialEvents", "boolean",
                    "Begin a watch with the objects that exist."),
          parameter("query", "watch", "boolean", "Stream changes instead of a list.")};
}

Value content(std::initializer_list<std::string_view> types, const Value& schema) {
  Value out;
  for (const auto type : types)
    out[type] = Object{{"schema", schema}};
  return out;
}

/// Bodies with objects of this type, in each format that they have.
Value formats(const TypeInfo& type, const Value& schema) {
  if (has_protobuf(type))
    return content({"application/json", "application/yaml", kProtobufContentType}, schema);
  return content({"application/json", "application/yaml"}, schema);
}

Value response(const TypeInfo& type, const Value& schema) {
  return Object{{"description", "OK"}, {"content", formats(type, schema)}};
}

/// Builds the paths of one group and version.
class Paths {
 public:
  explicit Paths(OpenApiSchemas& schemas) : schemas_(schemas) {}

  void add(const Kind& kind) {
    const std::string root = "/" + path_of(kind) + "/";
    const std::string scope = kind.namespaced ? root + "namespaces/{namespace}/" : root;
    const std::string collection = scope + std::string(kind.plural);
    Array parameters;
    if (kind.namespaced)
      parameters.push_back(parameter("path", "namespace", "string", "The namespace."));
    if (kind.namespaced && kind.has_verb("list")) {
      paths_[root + std::string(kind.plural)] = Object{{"get", operation(kind, "list")}};
    }
    paths_[collection] = collection_item(kind, parameters);
    if (!kind.is_stored()) return;
    parameters.push_back(
        parameter("path", "name", "string", "Name of the " + std::string(kind.kind) + "."));
    paths_[collection + "/{name}"] = object_item(kind, parameters);
    for (const auto name : kind.subresources) {
      paths_[collection + "/{name}/" + std::string(name)] =
          subresource_item(kind, subresource_of(kind, name), parameters);
    }
  }

  [[nodiscard]] Value take() { return std::move(paths_); }

 private:
  Value collection_item(const Kind& kind, const Array& parameters) {
    Value item = Object{{"parameters", parameters}};
    if (kind.has_verb("list")) item["get"] = operation(kind, "list");
    if (kind.has_verb("create")) item["post"] = operation(kind, "post");
    if (kind.has_verb("deletecollection")) item["delete"] = operation(kind, "deletecollection");
    return item;
  }

  Value object_item(const Kind& kind, const Array& parameters) {
    Value item = Object{{"parameters", parameters}};
    if (kind.has_verb("get")) item["get"] = operation(kind, "get");
    if (kind.has_verb("update")) item["put"] = operation(kind, "put");
    if (kind.has_verb("patch")) item["patch"] = operation(kind, "patch");
    if (kind.has_verb("delete")) item["delete"] = operation(kind, "delete");
    return item;
  }

  Value subresource_item(const Kind& kind, const Subresource& sub, const Array& parameters) {
    Value item = Object{{"parameters", parameters}};
    const std::string version =
        sub.group.empty() ? std::string(sub.version) : fmt::format("{}/{}", sub.group, sub.version);
    const bool own = sub.kind == kind.kind && version == kind.api_version();
    const Kind* body = own ? &kind : find_kind(version, sub.kind);
    for (const auto verb : sub.verbs) {
      if (verb == "create") item["post"] = of(body, sub, "post", kind);
      if (verb == "update") item["put"] = of(body, sub, "put", kind);
      if (verb == "patch" || verb == "get" || verb == "delete")
        item[verb] = of(body, sub, verb, kind);
    }
    return item;
  }

  /// A subresource without a struct (exec, portforward) is a stream: described by its name only.
  Value of(const Kind* body, const Subresource& sub, std::string_view action, const Kind& kind) {
    Value out = body != nullptr
                    ? operation(*body, action)
                    : Value(Object{{"responses", Object{{"200", Object{{"description", "OK"}}}}},
                                   {"x-kubernetes-action", "connect"},
                                   {"x-kubernetes-group-version-kind",
                                    group_version_kind(sub.group, sub.version, sub.kind)}});
    out["operationId"] = fmt::format("{}{}{}", action, kind.kind, sub.name);
    return out;
  }

  Value patch_content(const Kind& kind) {
    const Value schema = schemas_.well_known_ref(kPatchSchema);
    if (custom_kind(kind) != nullptr)
      return content({"application/apply-patch+yaml", "application/json-patch+json",
                      "application/merge-patch+json"},
                     schema);
    return content({"application/apply-patch+yaml", "application/json-patch+json",
                    "application/merge-patch+json", "application/strategic-merge-patch+json"},
                   schema);
  }

  Value operation(const Kind& kind, std::string_view action) {
    Value out = Object{{"operationId", fmt::format("{}{}", action, kind.kind)},
                       {"x-kubernetes-action", action},
                       {"x-kubernetes-group-version-kind",
                        group_version_kind(kind.group, kind.version, kind.kind)}};
    const bool patch = action == "patch";
    if (action == "post" || action == "put" || patch) {
      out["parameters"] = write_parameters(patch);
      Value body = patch ? patch_content(kind) : formats(kind.type, schemas_.ref(kind.type));
      out["requestBody"] = Object{{"required", true}, {"content", std::move(body)}};
    } else if (action != "get") {
      if (action != "delete") out["parameters"] = list_parameters();
      if (const Kind* options = find_kind("meta.k8s.io/v1", "DeleteOptions");
          options != nullptr && action != "list") {
        out["requestBody"] =
            Object{{"content", formats(options->type, schemas_.ref(options->type))}};
      }
    }
    out["responses"] = responses(kind, action);
    return out;
  }

  Value responses(const Kind& kind, std::string_view action) {
    const Kind* status = find_kind("meta.k8s.io/v1", "Status");
    if (action == "list") return Object{{"200", response(kind.type, schemas_.list_ref(kind))}};
    if (action.starts_with("delete") && status != nullptr)
      return Object{{"200", response(status->type, schemas_.ref(status->type))}};
    Value out = Object{{"200", response(kind.type, schemas_.ref(kind.type))}};
    if (action != "get") out["201"] = response(kind.type, schemas_.ref(kind.type));
    return out;
  }

  OpenApiSchemas& schemas_;
  Value paths_ = Object();
};

}  // namespace

std::map<std::string, std::string> openapi_urls(KindList served) {
  // Of each path what its custom kinds say.
  std::map<std::string, std::uint64_t> digests;
  for (const Kind* kind : served) {
    std::uint64_t& digest = digests[path_of(*kind)];
    if (const CustomKind* custom = custom_kind(*kind)) digest = digest * 31 + custom->digest();
  }
  std::map<std::string, std::string> urls;
  for (const auto& [path, digest] : digests) {
    const std::string custom = digest == 0 ? std::string() : fmt::format("{:016X}", digest);
    urls[path] = fmt::format("/openapi/v3/{}?hash={}{:02}{}", path, gen::schema_digest(),
                             kDocumentRevision, custom);
  }
  return urls;
}

std::string openapi_index(KindList served) {
  Value paths = Object();
  for (const auto& [path, url] : openapi_urls(served))
    paths[path] = Object{{"serverRelativeURL", url}};
  return json::write(Object{{"paths", std::move(paths)}});
}

std::optional<std::string> openapi_document(std::string_view path, KindList served) {
  OpenApiSchemas schemas;
  Paths paths(schemas);
  bool found = false;
  for (const Kind* kind : served) {
    if (path_of(*kind) != path) continue;
    found = true;
    paths.add(*kind);
  }
  if (!found) return std::nullopt;
  Value all = paths.take();
  return json::write(Object{{"openapi", "3.0.0"},
                            {"info", Object{{"title", "Insula"}, {"version", "unversioned"}}},
                            {"paths", std::move(all)},
                            {"components", Object{{"schemas", schemas.take()}}}});
}

}  // namespace insula::api
