#include "apiserver/documents.h"

#include <utility>

#include "api/discovery.h"
#include "api/openapi.h"
#include "api/openapi_v2.h"
#include "apiserver/negotiation.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

std::optional<Document> json_document(std::optional<std::string> body) {
  if (!body) return std::nullopt;
  return Document{*std::move(body)};
}

std::string root_document() {
  return json::write(
      json::Object{{"paths", json::Array{"/.well-known/openid-configuration", "/api", "/api/v1",
                                         "/apis", "/healthz", "/healthz/ping", "/livez",
                                         "/livez/ping", "/metrics", "/openapi/v2", "/openapi/v3",
                                         "/openid/v1/jwks", "/readyz", "/readyz/controllers",
                                         "/readyz/ping", "/readyz/storage", "/version"}}});
}

/// The name under which the OpenAPI document at a path is kept: with the form, where it has two.
std::string kept_name(std::string_view path, bool protobuf) {
  return std::string(path) + (protobuf ? "#protobuf" : "");
}

}  // namespace

std::optional<Document> ApiDocuments::openapi(std::string_view path, std::string_view accept) {
  const bool v2 = path == "/openapi/v2";
  const bool protobuf = v2 && (accept.find(api::kOpenApiV2ProtobufAccept) != accept.npos ||
                               accept.find(api::kOpenApiV2Protobuf) != accept.npos);
  const api::KindList served = kinds_.served();
  if (std::exchange(generation_, kinds_.generation()) != kinds_.generation()) kept_.clear();
  const std::string name = kept_name(path, protobuf);
  if (const auto kept = kept_.find(name); kept != kept_.end()) return kept->second;
  if (v2) {
    const json::Value document = api::openapi_v2(served);
    kept_[kept_name(path, false)] = {json::write(document)};
    kept_[kept_name(path, true)] = {api::openapi_v2_protobuf(document),
                                    std::string(api::kOpenApiV2Protobuf)};
    return kept_[name];
  }
  if (path == "/openapi/v3") return Document{api::openapi_index(served)};
  constexpr std::string_view kVersion3 = "/openapi/v3/";
  if (!path.starts_with(kVersion3)) return std::nullopt;
  // Only paths that exist are kept, so clients cannot make it grow.
  auto document = json_document(api::openapi_document(path.substr(kVersion3.size()), served));
  if (document) kept_[name] = *document;
  return document;
}

std::optional<Document> ApiDocuments::find(std::string_view path, std::string_view accept) {
  while (path.size() > 1 && path.ends_with('/'))
    path.remove_suffix(1);
  if (path == "/") return Document{root_document()};
  if (path.starts_with("/openapi/")) return openapi(path, accept);
  const api::KindList served = kinds_.served();
  const bool is_core = path == "/api";
  if (is_core || path == "/apis") {
    if (!wants_aggregated_discovery(accept))
      return Document{is_core ? api::core_versions(served) : api::group_list(served)};
    const auto root = is_core ? api::DiscoveryRoot::kApi : api::DiscoveryRoot::kApis;
    return Document{api::aggregated_discovery(root, served),
                    std::string(api::kAggregatedDiscoveryType)};
  }
  constexpr std::string_view kCore = "/api/";
  if (path.starts_with(kCore))
    return json_document(api::resource_list("", path.substr(kCore.size()), served));
  constexpr std::string_view kGroups = "/apis/";
  if (!path.starts_with(kGroups)) return std::nullopt;
  const std::string_view group = path.substr(kGroups.size());
  const std::size_t slash = group.find('/');
  if (slash == std::string_view::npos) return json_document(api::group_document(group, served));
  return json_document(api::resource_list(group.substr(0, slash), group.substr(slash + 1), served));
}

}  // namespace insula::apiserver
